// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

extension AdaptersCommand {
    struct Heads: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the versions that devices came to at once, with what each measured.")
        @Argument(help: "The adapter's name.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try AdaptersCommand.show(try global.open(.reading).adapters.heads(of: name), on: global.console)
        }
    }

    struct Resolve: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Choose between versions that two devices made at once.",
            discussion: """
                Nothing is lost: the other versions stay. Losses are those that each device measured on its own text. \
                Without an option the heads are shown.
                """)
        @Argument(help: "The adapter's name.") var name: String
        @Option(help: "Go on with this one, such as notes@3.") var choose: String?
        @Flag(help: "Go on with the sum of all, by --weight.") var merge = false
        @Option(help: "A weight for each head, such as .7,.3; equal when absent.") var weight: String?
        @Option(help: "The rank of the sum; that of the first head when absent.") var rank: Int?
        @Flag(name: .customLong("continue"), help: "Go on with the one of lowest loss, to train on from it.")
        var continues = false
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            guard [choose != nil, merge, continues].count(where: { $0 }) <= 1 else {
                throw ValidationError("give one of --choose, --merge and --continue")
            }
        }

        func execute() throws {
            if let choose {
                guard try Adapters.name(in: choose) == name else {
                    throw ValidationError("\(choose) is no version of \(name)")
                }
                let chosen = try global.open(.writing).adapters.resolve(name, choosing: choose)
                return try global.done("\(name) goes on with \(chosen)")
            }
            if merge {
                let weights = try AdaptersCommand.weights(weight)
                global.console.progress(AdaptersCommand.adding)
                let outcome = try global.open(.writing).resolve(name, merging: weights, rank: rank)
                return try AdaptersCommand.report(outcome, global)
            }
            if continues {
                let best = try global.open(.writing).adapters.resolveForTraining(name)
                return try global.done(
                    "\(name) goes on with \(best): attune train FOLDER --name \(name) --from \(name)")
            }
            let heads = try global.open(.reading).adapters.heads(of: name)
            try AdaptersCommand.show(heads, on: global.console)
            if heads.count < 2 {
                global.console.note("nothing to choose: all devices have the same \(name)")
            } else {
                global.console.note(
                    "choose: attune adapters resolve \(name) --choose \(heads[1].reference), --merge or --continue")
            }
        }
    }

    struct Merge: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add adapters of one base up to one, by weights.",
            discussion:
                "The sum of their changes is exact; only bringing it back to a rank loses something, which is told.")
        @Argument(help: "The versions, such as notes mail@2.") var references: [String]
        @Option(help: "The name of the sum.") var into: String
        @Option(help: "A weight for each, such as .7,.3; equal when absent.") var weight: String?
        @Option(help: "The rank of the sum; that of the first version when absent.") var rank: Int?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let weights = try AdaptersCommand.weights(weight)
            let adapters = try global.open(.writing).adapters
            global.console.progress(AdaptersCommand.adding)
            try AdaptersCommand.report(
                try adapters.merge(references, weights: weights, into: into, rank: rank), global)
        }
    }

    /// What a person reads while a sum is brought back to its rank.
    private static let adding = "adding up and bringing back to the rank…"

    /// `.7,.3`
    static func weights(_ text: String?) throws -> [Double]? {
        try text?.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let value = Double(part.trimmingCharacters(in: .whitespaces)), value.isFinite else {
                throw ValidationError("\(part) is no weight")
            }
            return value
        }
    }

    private static func report(_ outcome: MergeOutcome, _ global: GlobalOptions) throws {
        if global.json {
            return try global.console.print(
                MergeReport(version: outcome.reference, lostShare: outcome.relativeError))
        }
        let lost =
            outcome.relativeError < 1e-9 ? "exactly" : String(format: "but for %.2f %%", outcome.relativeError * 100)
        global.console.print("\(outcome.reference) is the sum, \(lost)")
    }

    private struct MergeReport: Encodable {
        let schema = 1
        let version: String
        /// ‖merged − exact‖ / ‖exact‖.
        let lostShare: Double
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune eval`
struct EvalCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure an adapter on a text, with it and really without it.")

    enum Opponent: String, ExpressibleByArgument, CaseIterable { case base }

    @Argument(help: "The adapter, such as notes or notes@3.") var reference: String
    @Option(help: "A file or folder it was not trained on.") var data: [String]
    @Option(help: "What to compare with.") var against: Opponent = .base
    @Option(help: "documents or wrapped; as in training when absent.") var packing: Packing?
    @Option(name: .customLong("max-len"), help: "Tokens of one row; as in training when absent.") var maxLength: Int?
    @Option(help: "bfloat16 or float32.") var precision: Precision = .bfloat16
    @Flag(help: "Leave bad rows out.") var skipBad = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if let maxLength, maxLength < 8 || maxLength > 1 << 20 {
            throw ValidationError("--max-len must be 8 to 1048576")
        }
    }

    func execute() throws {
        let workspace = try global.open(.reading)
        let loaded = try workspace.load(reference)
        let result = try workspace.compare(
            loaded, on: data, packing: packing, maxLength: maxLength, precision: precision, skipBad: skipBad)
        if global.json { return try global.console.print(result) }
        var table = Table(["METRIC", "BASE", result.adapter.uppercased(), "CHANGE"])
        table.add([
            "loss (nats/token)", Format.loss(result.baseLoss), Format.loss(result.loss),
            String(format: "%+.4f", result.loss - result.baseLoss),
        ])
        table.add([
            "perplexity", String(format: "%.3f", result.basePerplexity),
            String(format: "%.3f", result.perplexity),
            String(format: "%+.1f%%", (result.perplexity / result.basePerplexity - 1) * 100),
        ])
        global.console.print(table)
        global.console.note(
            "\(Quantity.text(count: result.tokens)) tokens of \(result.documents) documents, packing "
                + "\(result.packing.rawValue), rows of \(result.maxLen)")
    }
}

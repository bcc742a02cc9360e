// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneTraining
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
        if global.json {
            return try global.console.print(
                Report(
                    adapter: loaded.label, base: loaded.adapter.base.name, loss: result.adapter.loss,
                    baseLoss: result.base.loss, perplexity: result.adapter.perplexity,
                    basePerplexity: result.base.perplexity, tokens: result.adapter.tokens,
                    documents: result.documents, rows: result.blocks, maxLen: result.maxLength,
                    packing: result.packing.rawValue))
        }
        var table = Table(["METRIC", "BASE", loaded.label.uppercased(), "CHANGE"])
        table.add([
            "loss (nats/token)", Format.loss(result.base.loss), Format.loss(result.adapter.loss),
            String(format: "%+.4f", result.adapter.loss - result.base.loss),
        ])
        table.add([
            "perplexity", String(format: "%.3f", result.base.perplexity),
            String(format: "%.3f", result.adapter.perplexity),
            String(format: "%+.1f%%", (result.adapter.perplexity / result.base.perplexity - 1) * 100),
        ])
        global.console.print(table)
        global.console.note(
            "\(Quantity.text(count: result.adapter.tokens)) tokens of \(result.documents) documents, packing "
                + "\(result.packing.rawValue), rows of \(result.maxLength)")
    }

    private struct Report: Encodable {
        let schema = 1
        let adapter: String
        let base: String
        let loss: Double
        let baseLoss: Double
        let perplexity: Double
        let basePerplexity: Double
        let tokens: Int
        let documents: Int
        let rows: Int
        let maxLen: Int
        let packing: String
    }
}

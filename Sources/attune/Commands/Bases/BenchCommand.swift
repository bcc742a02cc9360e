// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune bench`
struct BenchCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure how fast this machine trains and answers, in about a minute.")

    @OptionGroup var computing: ThreadOption
    @Option(help: "The base to measure with.") var base: String?
    @Flag(help: "A rough figure in seconds.") var quick = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let console = global.console
        computing.apply(console)
        let library = BaseLibrary(folder: global.paths.bases)
        let record = try library.chosen(base)
        let benchmark = Benchmark(model: try library.open(record), rounds: quick ? 1 : 3)
        let figures = try benchmark.figures(base: record.name, quick: quick) { console.note("… \($0)") }
        if global.json { return try console.print(figures) }
        // About four tokens make three words.
        let words = figures.training * 0.75 * 60
        for (label, text) in [
            ("base", "\(record.name) \(record.quantization), \(record.parameters / 1_000_000) million parameters"),
            (
                "computing",
                "\(figures.level) on \(figures.threads) threads: at best \(Self.whole(figures.peakGflops)) billion "
                    + "operations a second (\(figures.peakNumbers))"
            ),
            ("memory", String(format: "read at %.1f GB a second", figures.readGigabytesPerSecond)),
            (
                "training",
                "\(Self.rate(figures.training)), about \(Self.whole(words)) words a minute; "
                    + "\(Self.share(figures.trainingShareOfPeak)) of the best; "
                    + "\(Quantity.text(bytes: Int(figures.peakRssMib * 1_048_576))) of memory at "
                    + "\(figures.batch)×\(figures.maxLength) tokens, rank \(figures.rank)"
            ),
            ("reading", "\(Self.rate(figures.prefill)) of a question"),
            (
                "answering",
                "\(Self.rate(figures.decode)), \(Self.share(figures.decodeShareOfReadRate)) of what memory can deliver"
            ),
        ] {
            console.print(label.padding(toLength: 11, withPad: " ", startingAt: 0) + text)
        }
    }

    private static func whole(_ value: Double) -> String { Quantity.text(count: Int(value.rounded())) }
    private static func share(_ value: Double) -> String { String(format: "%.0f %%", 100 * value) }
    private static func rate(_ value: Double) -> String {
        value < 10 ? String(format: "%.1f tokens a second", value) : "\(whole(value)) tokens a second"
    }
}

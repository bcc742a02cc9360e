// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit
import Foundation

/// `attune train`
struct TrainCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train an adapter on your writing.",
        discussion: """
            PATH is a folder of .md and .txt files, or .jsonl files. The plan is shown first. Ctrl-C saves everything; \
            attune runs resume goes on with the same bytes. With --also, several adapters are trained in the same \
            passes through the base, each with the losses it would have alone: attune train diary --also letters=mail/
            """)

    @OptionGroup var options: TrainOptions
    @OptionGroup var computing: ThreadOption
    @Argument(help: "Files and folders.") var paths: [String]
    @Option(help: "The adapter's name; that of the folder when absent.") var name: String?
    @Option(help: "NAME=PATH: train another adapter on PATH in the same passes; may be repeated.")
    var also: [String] = []
    @Flag(help: "Say why each setting is what it is.") var explain = false
    @Flag(help: "Show the plan and stop.") var plan = false
    @Flag(help: "Print every event as a line of JSON.") var jsonl = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        computing.apply(global.console)
        let workspace = try global.open(.writing)
        let request = try options.request(
            paths: paths, name: try name ?? AdapterNaming.name(from: paths.first ?? ""), also: also)
        let output = TrainingOutput(console: global.console, jsonl: jsonl, json: global.json)
        output.announce("reading \(paths.joined(separator: ", "))")
        let session = try TrainingSession.prepare(request, in: workspace) { output.show($0) }
        try TrainingRun(
            session: session, output: output, global: global, explain: explain, planOnly: plan,
            timeLimit: try options.seconds()
        ).execute()
    }
}

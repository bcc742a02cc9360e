// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneKit

/// `attune chat`
struct ChatCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Talk with an adapter; what is said is kept encrypted in the store.",
        discussion: "Inside: /adapter /scale /compare /undo /help, and Ctrl-D to leave.")

    @OptionGroup var sampling: SamplingFlags
    @Argument(help: "The adapter; the only one when absent.") var name: String?
    @Option(help: "System message.") var system: String?
    @Option(help: "Strength of the adapter.") var scale: Float = 1
    @Option(help: "Tokens the conversation may have; the oldest turns leave first.") var context = 4096
    @Flag(name: .customShort("c"), help: "Go on with the last conversation.") var last = false
    @Flag(help: "Keep nothing of this conversation.") var noSave = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard context >= 16 else { throw ValidationError("--context must be at least 16") }
    }

    func execute() throws {
        let chat = try Chat(
            with: name, scale: scale, system: system, contextLength: context, settings: sampling.settings,
            isKept: !noSave, continues: last, in: global.open(noSave ? .reading : .writing))
        try ChatSession(chat, sampling: sampling, console: global.console).run()
    }
}

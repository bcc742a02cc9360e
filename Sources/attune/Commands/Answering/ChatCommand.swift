// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneModel
import AttuneTokenizer
import AttuneTraining
import AttuneVault
import Foundation

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
        let workspace = try global.open(noSave ? .reading : .writing)
        let chosen = try name ?? workspace.onlyAdapter()
        let loaded = try workspace.load(chosen)
        let base = try workspace.bases.find(loaded.adapter.base)
        let model = try workspace.bases.open(base)
        let longest = min(context, model.configuration.contextLength)
        let plan = try DecodingPlan(
            model: model, tokens: longest, context: longest, cacheType: sampling.kvCache,
            limits: MemoryLimits.current().limited(to: sampling.memoryLimit))
        model.residency.limit(to: plan.memory)
        let record = noSave ? nil : try ChatLog(vault: workspace.vault, continuing: last)
        var history = try record?.messages() ?? []
        if history.isEmpty, let system {
            history = [ChatMessage(role: .system, content: system)]
            try record?.append([(history[0], nil)])
        }
        workspace.vault.yieldLock()
        let session = ChatSession(
            workspace: workspace, model: model, loaded: loaded, scale: scale, history: history, log: record,
            sampling: sampling, console: global.console, base: base, contextLength: context,
            precision: plan.precision)
        try session.run()
    }
}

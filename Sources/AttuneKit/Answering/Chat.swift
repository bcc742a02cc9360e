// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTokenizer
import AttuneVault

/// A conversation with an adapter of a base, which the store keeps as it goes on.
package final class Chat {
    package let base: BaseRecord
    /// The version that answers; nil for the base alone.
    package private(set) var adapter: LoadedAdapter?
    /// Strength of the adapter; 1 is as trained, 0 is off.
    package private(set) var scale: Float
    private let workspace: Workspace
    private let settings: AnswerSettings
    private let model: BaseModel
    private let precision: DecodingPrecision
    private let contextLength: Int
    private let conversation: Conversation
    private let log: ChatLog?

    /// Opens the adapter and its base, and plans the memory of the whole conversation.
    ///
    /// Between two messages other processes may change the store.
    ///
    /// - Parameters:
    ///   - name: the adapter, such as `notes@3`; nil for the only one.
    ///   - system: the system message, where nothing was said before.
    ///   - contextLength: tokens that the conversation may have; the oldest turns leave first.
    ///   - isKept: whether the store keeps what is said.
    ///   - continues: goes on with the last conversation that was kept.
    /// - Throws: `KitError` E-ADAPTER-024, E-BASE-002, E-MEMORY-001, E-MEMORY-002; `VaultError`.
    package init(
        with name: String?, scale: Float, system: String?, contextLength: Int, settings: AnswerSettings, isKept: Bool,
        continues: Bool, in workspace: Workspace
    ) throws {
        let adapter = try workspace.load(try name ?? workspace.onlyAdapter())
        base = try workspace.bases.find(adapter.adapter.base)
        model = try workspace.bases.open(base)
        self.contextLength = min(contextLength, model.configuration.contextLength)
        let plan = try DecodingPlan(
            model: model, tokens: self.contextLength, context: self.contextLength, cacheType: settings.cacheType,
            limits: settings.limits)
        model.residency.limit(to: plan.memory)
        precision = plan.precision
        log = isKept ? try ChatLog(vault: workspace.vault, continuing: continues) : nil
        var history = try log?.messages() ?? []
        if history.isEmpty, let system {
            history = [ChatMessage(role: .system, content: system)]
            try log?.append([(history[0], nil)])
        }
        workspace.yieldStore()
        self.adapter = adapter
        self.scale = scale
        self.settings = settings
        self.workspace = workspace
        conversation = Conversation(
            model: model, adapters: [AppliedAdapter(adapter.adapter, scale: scale)], messages: history,
            contextLength: self.contextLength, cacheType: settings.cacheType, precision: precision)
    }

    /// How many questions were asked so far.
    package var questions: Int { conversation.messages.count { $0.role == .user } }

    /// Messages that were left out of the last prompt because the context was full.
    package var forgotten: Int { conversation.forgotten }

    /// Answers a question and remembers both.
    ///
    /// - Throws: `ModelError` where even the question alone is longer than the context.
    package func say(
        _ text: String, seed: UInt64, isCancelled: () -> Bool, onText: (String) -> Void
    ) throws -> Answer {
        try conversation.say(text, settings: settings, seed: seed, isCancelled: isCancelled, onText: onText)
    }

    /// Keeps the last question and its answer in the store.
    ///
    /// - Returns: why they wait for the next call; nil unless another process is changing the store.
    /// - Throws: `VaultError`.
    package func keep() throws -> (any AttuneError)? {
        do {
            try log?.append(
                conversation.messages.suffix(2).map { ($0, $0.role == .assistant ? adapter?.record.id : nil) })
            return nil
        } catch let error as VaultError where error.kind == .locked {
            return error
        }
    }

    /// Keeps what still waits.
    ///
    /// - Throws: `VaultError`.
    package func end() throws { try log?.flush() }

    /// Answers the last question once more with the base alone, which remembers nothing of it.
    ///
    /// - Throws: as `say`.
    package func sayWithBase(seed: UInt64, isCancelled: () -> Bool, onText: (String) -> Void) throws {
        guard let question = conversation.messages.dropLast().last else { return }
        let alone = Conversation(
            model: model, adapters: [], messages: conversation.messages.dropLast(2), contextLength: contextLength,
            cacheType: settings.cacheType, precision: precision)
        _ = try alone.say(
            question.content, settings: settings, seed: seed, isCancelled: isCancelled, onText: onText)
    }

    /// Answers with another adapter of this base from the next question on; with the base alone for nil.
    ///
    /// - Throws: `KitError` E-ADAPTER-020 for an adapter of another base; `VaultError` E-VAULT-020.
    package func use(_ name: String?) throws {
        let next = try name.map { try workspace.load($0) }
        try next?.check(against: base)
        adapter = next
        applyAdapter()
    }

    /// Gives the adapter another strength from the next question on.
    package func setScale(_ scale: Float) {
        self.scale = scale
        applyAdapter()
    }

    private func applyAdapter() {
        conversation.use(adapter.map { [AppliedAdapter($0.adapter, scale: scale)] } ?? [])
    }

    /// Takes the last question and its answer back; false if there is none.
    ///
    /// - Throws: `VaultError`.
    package func undo() throws -> Bool {
        guard questions > 0 else { return false }
        try log?.undo()
        return conversation.undo()
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// Writes a conversation in the form a model was taught.
package struct ChatTemplate: Sendable {
    /// Name of the format, such as `chatml` or `llama3`; `plain` where the model has none.
    package var name: String { format.rawValue }

    /// Whether conversations are written as the model was taught; otherwise a guess, with the speakers' names.
    package var isKnown: Bool { format != .plain }
    /// Whether the file has a template at all.
    package let isThere: Bool

    let format: ChatFormat
    /// System text that the template puts in front of a conversation that begins with another message.
    let defaultSystem: String?
    /// Spelling of the token that ends a text, empty if the model has none.
    let endOfText: String
    /// Spelling of the token that begins a text, empty if the model has none.
    let beginningOfText: String
    /// Whether the template itself writes the beginning-of-text token.
    private let writesBOS: Bool

    /// The template of a model, recognised by what the file's own template contains.
    package init(for definition: TokenizerDefinition) {
        func spelling(_ id: Int32?) -> String {
            guard let id, definition.tokens.indices.contains(Int(id)) else { return "" }
            return definition.tokens[Int(id)]
        }
        let template = definition.chatTemplate ?? ""
        let source = Array(template.utf8)
        isThere = !template.isEmpty
        format = ChatFormat(detectedIn: template)
        endOfText = spelling(definition.eos)
        beginningOfText = spelling(definition.bos)
        writesBOS = source.contains(subsequence: Array("bos_token".utf8))
        defaultSystem =
            format == .chatML ? Self.defaultSystems.first { source.contains(subsequence: Array($0.utf8)) } : nil
    }

    /// Default system texts of SmolLM2 and Qwen 2.5, which their templates hold word for word.
    private static let defaultSystems = [
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    ]

    /// The conversation as text, without the beginning-of-text token; with `addGenerationPrompt` it ends where
    /// the model has to answer.
    package func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) -> [TemplatePiece] {
        var messages = messages
        if let defaultSystem, let first = messages.first, first.role != .system {
            messages.insert(ChatMessage(role: .system, content: defaultSystem), at: 0)
        }
        var writer = TemplateWriter()
        switch format {
        case .chatML, .phi4, .phi3, .falcon3, .glmEdge, .zephyr, .llama3:
            renderHeaders(messages, addGenerationPrompt, into: &writer)
        case .gemma: renderGemma(messages, addGenerationPrompt, into: &writer)
        case .mistralV1, .mistralV3, .mistralV3Tekken, .mistralV7: renderMistral(messages, into: &writer)
        case .llama2: renderLlama2(messages, into: &writer)
        case .smolVLM: renderSmolVLM(messages, addGenerationPrompt, into: &writer)
        case .plain: renderPlain(messages, addGenerationPrompt, into: &writer)
        }
        return writer.pieces
    }

    /// The conversation as token ids, each with whether the model learns to write it.
    ///
    /// A token across the edge of an answer belongs to where it begins. The beginning-of-text token comes once,
    /// whether the template, the tokenizer or both ask for it.
    package func tokens(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, tokenizer: Tokenizer
    ) -> (ids: [Int32], trained: [Bool]) {
        let pieces = render(messages, addGenerationPrompt: addGenerationPrompt)
        let encoded = tokenizer.encodeWithStarts(pieces.map(\.segment))
        var trained: [Bool] = []
        trained.reserveCapacity(encoded.ids.count)
        var piece = 0
        var end = pieces.first?.segment.text.utf8.count ?? 0
        for start in encoded.starts {
            while start >= end, piece + 1 < pieces.count {
                piece += 1
                end += pieces[piece].segment.text.utf8.count
            }
            trained.append(pieces[piece].trained)
        }
        guard writesBOS || tokenizer.addsBOS, let bos = tokenizer.bos, encoded.ids.first != bos else {
            return (encoded.ids, trained)
        }
        return ([bos] + encoded.ids, [false] + trained)
    }
}

/// One message of a conversation.
package struct ChatMessage: Codable, Hashable, Sendable {
    /// Who speaks.
    package enum Role: String, Codable, Sendable, CaseIterable {
        case system, user, assistant, tool
    }

    package var role: Role
    package var content: String
    /// Whether an answer is only there to be read, so that none of it is learned.
    package var isGiven: Bool

    package init(role: Role, content: String, isGiven: Bool = false) {
        self.role = role
        self.content = content
        self.isGiven = isGiven
    }

    private enum CodingKeys: String, CodingKey {
        case role, content
        case isGiven = "given"
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        role = try values.decode(Role.self, forKey: .role)
        content = try values.decode(String.self, forKey: .content)
        isGiven = try values.decodeIfPresent(Bool.self, forKey: .isGiven) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(role, forKey: .role)
        try values.encode(content, forKey: .content)
        // Left out where it is not so: what was written before has the same bytes as what is written now.
        if isGiven { try values.encode(isGiven, forKey: .isGiven) }
    }

    /// Whether the model learns to write this message.
    var isLearned: Bool { role == .assistant && !isGiven }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTokenizer

/// What one document or one line of data asks the model to learn.
package enum DataRow: Hashable, Sendable {
    /// A document: every token is learned.
    case text(String)
    /// A prompt and what should follow it, put together without a separator: only the completion is learned.
    case completion(prompt: String, completion: String)
    /// A conversation: every assistant message is learned that is not said to be given.
    case chat([ChatMessage])
    /// A conversation whose first part is given: only the assistant messages of the second part are learned.
    case chatCompletion(prompt: [ChatMessage], completion: [ChatMessage])

    /// The four shapes by name, as statistics and screens show them.
    package enum Shape: String, Codable, CodingKeyRepresentable, Hashable, Sendable, CaseIterable {
        case text, completion, chat, chatCompletion
    }

    package var shape: Shape {
        switch self {
        case .text: .text
        case .completion: .completion
        case .chat: .chat
        case .chatCompletion: .chatCompletion
        }
    }

    /// How the chats of common families of models begin, as they are written for the model.
    private static let openings = [
        "<|im_start|>", "[INST]", "<|start_header_id|>", "<start_of_turn>", "<|user|>", "<|system|>", "<|assistant|>",
        "<|start|>", "<|begin_of_text|>", "<bos>",
    ]

    /// Whether this is a text that begins as a conversation that was already written out for a model does.
    package var isRendered: Bool {
        guard case .text(let text) = self else { return false }
        var start = text.unicodeScalars.drop { $0.properties.isWhitespace }
        if start.starts(with: "<s>".unicodeScalars) { start = start.dropFirst(3).drop { $0.properties.isWhitespace } }
        return Self.openings.contains { start.starts(with: $0.unicodeScalars) }
    }

    /// Bytes that depend only on the content, the same on every machine, no two rows alike: a digest of the data is a
    /// digest of these in order.
    ///
    /// One byte of shape (0…3), then each string as a 64-bit big-endian length and its UTF-8; a list of messages is its
    /// 64-bit count, then role (`assistant, given` for an answer that is not learned) and content of each.
    package func canonicalBytes() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .text(let text):
            writer.append([0])
            Self.append(text, to: &writer)
        case .completion(let prompt, let completion):
            writer.append([1])
            Self.append(prompt, to: &writer)
            Self.append(completion, to: &writer)
        case .chat(let messages):
            writer.append([2])
            Self.append(messages, to: &writer)
        case .chatCompletion(let prompt, let completion):
            writer.append([3])
            Self.append(prompt, to: &writer)
            Self.append(completion, to: &writer)
        }
        return writer.bytes
    }

    private static func append(_ text: String, to writer: inout ByteWriter) {
        writer.bigEndian(UInt64(text.utf8.count))
        writer.append(text)
    }

    private static func append(_ messages: [ChatMessage], to writer: inout ByteWriter) {
        writer.bigEndian(UInt64(messages.count))
        for message in messages {
            append(message.role.rawValue + (message.isGiven ? ", given" : ""), to: &writer)
            append(message.content, to: &writer)
        }
    }
}

/// Where a row of training data came from.
package struct DataSource: Codable, Hashable, Sendable {
    /// The path as the person gave it: a folder, or the file itself.
    package var root: String
    /// Path of the file below `root`; the file's own name where `root` is the file.
    package var path: String
    /// Line of a JSONL file, from 1; nil for a text file, which is one document.
    package var line: Int?

    package init(root: String, path: String, line: Int? = nil) {
        self.root = root
        self.path = path
        self.line = line
    }

    /// The path a person can open from where the command ran; not yet safe to print, see `Printable`.
    package var file: String {
        if root == path || root.hasSuffix("/" + path) { return root }
        return root.hasSuffix("/") ? root + path : root + "/" + path
    }
}

extension DataSource: CustomStringConvertible {
    /// `file` or `file:line`, with control characters escaped.
    package var description: String {
        let name = Printable.path(file)
        return line.map { "\(name):\($0)" } ?? name
    }
}

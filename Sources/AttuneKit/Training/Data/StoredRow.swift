// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTokenizer
import AttuneTraining
import Foundation

/// A row of training data as a document of the vault keeps it, so that a run can be resumed without its files.
package struct StoredRow: Codable, Sendable {
    private let shape: DataRow.Shape
    private let text: String?
    private let prompt: String?
    private let messages: [ChatMessage]?
    private let given: [ChatMessage]?
    package let source: DataSource

    package init(_ row: Dataset.Row) {
        shape = row.row.shape
        source = row.source
        switch row.row {
        case .text(let text): (self.text, prompt, messages, given) = (text, nil, nil, nil)
        case .completion(let prompt, let completion):
            (text, self.prompt, messages, given) = (completion, prompt, nil, nil)
        case .chat(let messages): (text, prompt, self.messages, given) = (nil, nil, messages, nil)
        case .chatCompletion(let given, let messages):
            (text, prompt, self.messages, self.given) = (nil, nil, messages, given)
        }
    }

    package var row: Dataset.Row {
        let row: DataRow =
            switch shape {
            case .text: .text(text ?? "")
            case .completion: .completion(prompt: prompt ?? "", completion: text ?? "")
            case .chat: .chat(messages ?? [])
            case .chatCompletion: .chatCompletion(prompt: given ?? [], completion: messages ?? [])
            }
        return Dataset.Row(row: row, source: source)
    }

    /// The text of the document.
    package func encoded() throws -> String { try JSON.stored(self) }

    package init(decoding text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneTokenizer
import Foundation

/// The tokenizer of the real base model, read by a few lines of its own since the reader of model files is not
/// among the things that these tests may import.
enum SmolLM2 {
    static let definition: Result<TokenizerDefinition, any Error> = Result { try read(TestBase.path) }
    static let shared: Result<Tokenizer, any Error> = Result { try Tokenizer(definition.get()) }

    static var tokenizer: Tokenizer { get throws { try shared.get() } }

    private enum Value {
        case integer(Int)
        case flag(Bool)
        case text(String)
        case texts([String])
        case integers([Int32])
        case other
    }

    private struct Unreadable: Error {}

    private static func read(_ path: String) throws -> TokenizerDefinition {
        let handle = try FileHandle(forReadingFrom: URL(filePath: path))
        // The keys of this file are its first 1.7 MB.
        var reader = Cursor(bytes: [UInt8](try handle.read(upToCount: 2 << 20) ?? Data()))
        reader.position = 16
        let count = reader.integer(8)
        var values: [String: Value] = [:]
        for _ in 0..<count {
            let key = reader.text()
            values[key] = try value(reader.integer(4), &reader)
        }
        guard case .text(let model)? = values["tokenizer.ggml.model"],
            case .texts(let tokens)? = values["tokenizer.ggml.tokens"],
            case .texts(let merges)? = values["tokenizer.ggml.merges"],
            case .integers(let types)? = values["tokenizer.ggml.token_type"],
            case .text(let pre)? = values["tokenizer.ggml.pre"],
            case .text(let template)? = values["tokenizer.chat_template"]
        else { throw Unreadable() }
        func id(_ name: String) -> Int32? {
            if case .integer(let id)? = values["tokenizer.ggml.\(name)_token_id"] { Int32(id) } else { nil }
        }
        var definition = TokenizerDefinition(model: model, tokens: tokens)
        definition.pre = pre
        definition.merges = merges
        definition.types = types
        definition.bos = id("bos")
        definition.eos = id("eos")
        definition.unknown = id("unknown")
        definition.padding = id("padding")
        if case .flag(let flag)? = values["tokenizer.ggml.add_bos_token"] { definition.addsBOS = flag }
        definition.chatTemplate = template
        return definition
    }

    private static func value(_ type: Int, _ reader: inout Cursor) throws -> Value {
        switch type {
        case 7: return .flag(reader.integer(1) != 0)
        case 0...6: return .integer(reader.integer([1, 1, 2, 2, 4, 4, 4][type]))
        case 10...12: return .integer(reader.integer(8))
        case 8: return .text(reader.text())
        case 9:
            let element = reader.integer(4)
            let count = reader.integer(8)
            switch element {
            case 8: return .texts((0..<count).map { _ in reader.text() })
            case 5: return .integers((0..<count).map { _ in Int32(truncatingIfNeeded: reader.integer(4)) })
            default:
                for _ in 0..<count { _ = try value(element, &reader) }
                return .other
            }
        default: throw Unreadable()
        }
    }

    private struct Cursor {
        let bytes: [UInt8]
        var position = 0

        mutating func integer(_ width: Int) -> Int {
            defer { position += width }
            return (0..<width).reversed().reduce(0) { $0 << 8 | Int(bytes[position + $1]) }
        }

        mutating func text() -> String {
            let count = integer(8)
            defer { position += count }
            return String(decoding: bytes[position..<position + count], as: UTF8.self)
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTokenizer

extension TokenizerDefinition {
    /// Reads the `tokenizer.ggml.*` keys of `file`.
    ///
    /// - Throws: `E-MODEL-002`, `E-MODEL-003` or `E-MODEL-008` for values that are missing, of another type or
    ///   impossible.
    init(_ file: GGUFFile) throws {
        func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
        func required<Value>(_ name: String, _ value: Value?) throws -> Value {
            guard let value else { throw ModelError.missingKey(key(name), file: file.name) }
            return value
        }
        let tokens = try required("tokens", file.strings(key("tokens")))
        self.init(model: try required("model", file.string(key("model"))), tokens: tokens)
        func id(_ name: String) throws -> Int32? {
            guard let value = try file.uint32(key(name)) else { return nil }
            guard value < tokens.count else {
                throw ModelError.badTokenizer(file.name, "\(key(name)) is \(value) of \(tokens.count) tokens")
            }
            return Int32(value)
        }
        pre = try file.string(key("pre"))
        types = try file.int32s(key("token_type")) ?? []
        scores = try file.float32s(key("scores")) ?? []
        merges = try file.strings(key("merges")) ?? []
        bos = try id("bos_token_id")
        eos = try id("eos_token_id")
        eot = try id("eot_token_id")
        eom = try id("eom_token_id")
        unknown = try id("unknown_token_id")
        padding = try id("padding_token_id")
        addsBOS = try file.bool(key("add_bos_token"))
        addsEOS = try file.bool(key("add_eos_token"))
        addsSpacePrefix = try file.bool(key("add_space_prefix"))
        chatTemplate = try file.string("tokenizer.chat_template")
        try check(file.name)
    }

    private func check(_ file: String) throws {
        guard types.isEmpty || types.count == tokens.count, types.allSatisfy({ (0...6).contains($0) }) else {
            throw ModelError.badTokenizer(file, "token_type has \(types.count) kinds for \(tokens.count) tokens")
        }
        guard scores.isEmpty || scores.count == tokens.count, scores.allSatisfy({ !$0.isNaN }) else {
            throw ModelError.badTokenizer(file, "scores has \(scores.count) numbers for \(tokens.count) tokens")
        }
        // A space at index 0 belongs to the left part, so the separator is looked for after it.
        if let merge = merges.first(where: { !$0.utf8.dropFirst().contains(UInt8(ascii: " ")) }) {
            throw ModelError.badTokenizer(file, "the merge “\(merge)” does not have two parts")
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// A byte-level BPE vocabulary of any size: three control tokens, the 256 bytes (ASCII first), then merges of letters.
package struct SyntheticTokenizer: Sendable {
    package var tokens: [String] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    package var types: [Int32] = [3, 3, 3]
    package var merges: [String] = []

    /// ChatML, as in SmolLM2 but without the system text that it adds.
    package static let chatTemplate =
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
        + "+ '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

    package init(vocabulary: Int) {
        let letters = "etaoinshrdlucmfwypvbgkjqxz".map(String.init)
        var pairs: [(String, String)] = ["Ġ"].flatMap { space in letters.map { (space, $0) } }
        pairs += letters.flatMap { left in letters.map { (left, $0) } }
        let bytes = Self.byteSpellings
        for spelling in bytes { add(spelling, type: 1, below: vocabulary) }
        for (left, right) in pairs where tokens.count < vocabulary {
            merges.append("\(left) \(right)")
            add(left + right, type: 1, below: vocabulary)
        }
        while tokens.count < vocabulary { add("<|unused\(tokens.count)|>", type: 5, below: vocabulary) }
        tokens = Array(tokens.prefix(vocabulary))
        types = Array(types.prefix(vocabulary))
    }

    private mutating func add(_ token: String, type: Int32, below vocabulary: Int) {
        guard tokens.count < vocabulary else { return }
        tokens.append(token)
        types.append(type)
    }

    /// How GPT-2 writes each byte as one character, printable ASCII and white space first.
    private static var byteSpellings: [String] {
        var spellings: [UInt8: String] = [:]
        var next: UInt32 = 0x100
        for byte in UInt8.min...UInt8.max {
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: spellings[byte] = String(Character(Unicode.Scalar(byte)))
            default:
                spellings[byte] = Unicode.Scalar(next).map { String(Character($0)) }
                next += 1
            }
        }
        let first: [UInt8] = [0x20, 0x0A] + Array(0x21...0x7E)
        let rest = (UInt8.min...UInt8.max).filter { !first.contains($0) }
        return (first + rest).compactMap { spellings[$0] }
    }

    /// The `tokenizer.*` keys of a GGUF file.
    package var values: [(key: String, value: GGUFWriter.Value)] {
        [
            ("tokenizer.ggml.model", .string("gpt2")),
            ("tokenizer.ggml.pre", .string("smollm")),
            ("tokenizer.ggml.tokens", .strings(tokens)),
            ("tokenizer.ggml.token_type", .int32s(types)),
            ("tokenizer.ggml.merges", .strings(merges)),
            ("tokenizer.ggml.bos_token_id", .uint32(1)),
            ("tokenizer.ggml.eos_token_id", .uint32(2)),
            ("tokenizer.ggml.unknown_token_id", .uint32(0)),
            ("tokenizer.ggml.padding_token_id", .uint32(2)),
            ("tokenizer.ggml.add_bos_token", .bool(false)),
            ("tokenizer.chat_template", .string(Self.chatTemplate)),
        ]
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneTokenizer

/// Tokenizers over any bytes: the first byte chooses one of a few, or a definition made of the rest.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count > 0 else { return 0 }
    let rest = UnsafeBufferPointer(start: data + 1, count: count - 1)
    switch data[0] {
    case 0xFE: define(from: rest, byteLevel: true)
    case 0xFF: define(from: rest, byteLevel: false)
    default: encode(String(decoding: rest, as: UTF8.self), with: tokenizers[Int(data[0]) % tokenizers.count])
    }
    return 0
}

private func encode(_ text: String, with tokenizer: Tokenizer) {
    let ids = tokenizer.encode(text)
    precondition(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
    let decoded = tokenizer.decode(ids, keepSpecial: true)
    if case .bytePair = tokenizer.encoder {
        precondition(decoded.utf8.elementsEqual(text.utf8), "bytes are lost")
        var stream = StreamingDecoder(tokenizer, stops: [])
        let pieces = ids.reduce(into: "") { $0 += stream.append($1) } + stream.finish()
        precondition(pieces.utf8.elementsEqual(text.utf8), "bytes are lost in a stream")
    }
    let parsed = tokenizer.encode(segments: [.markup("<|im_start|>user\n"), .content(text), .markup("<|im_end|>")])
    precondition(parsed.count { $0 == 1 } == 1 && parsed.count { $0 == 2 } == 1, "content has forged a turn")
    var stopping = StreamingDecoder(tokenizer, stops: ["a", "\n\n", "é"])
    for id in parsed where !stopping.stopped { _ = stopping.append(id) }
    _ = stopping.finish()
}

/// Tokens are the lines before an empty line, merges those after it.
private func define(from bytes: UnsafeBufferPointer<UInt8>, byteLevel: Bool) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    let tokens = Array(lines.prefix { !$0.isEmpty })
    var definition = TokenizerDefinition(model: byteLevel ? "gpt2" : "llama", tokens: tokens)
    definition.pre = byteLevel ? "smollm" : nil
    definition.merges = byteLevel ? Array(lines.dropFirst(tokens.count + 1)) : []
    definition.scores = byteLevel ? [] : tokens.indices.map { -Float($0) }
    do {
        let tokenizer = try Tokenizer(definition)
        let ids = tokenizer.encode(lines.joined(separator: " "), special: .parsed, addBOS: true)
        _ = tokenizer.decode(ids)
    } catch {
        precondition(error is any AttuneError)
    }
}

private let tokenizers: [Tokenizer] = {
    let controls = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    var next: UInt32 = 0x100
    var tokens = controls
    for byte in UInt8.min...UInt8.max {
        switch byte {
        case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: tokens.append(String(Unicode.Scalar(byte)))
        default:
            tokens.append(String(Unicode.Scalar(next) ?? " "))
            next += 1
        }
    }
    let merges = ["t h", "th e", "Ġ t", "Ġt he", "e r", "i n", "Ġ Ġ", "ĠĠ ĠĠ", "Ċ Ċ", "Ã ©", "1 2"]
    tokens += merges.map { $0.split(separator: " ").joined() }
    var list: [Tokenizer] = []
    for pre in ["smollm", "gpt-2", "llama-bpe", "tekken"] {
        var definition = TokenizerDefinition(model: "gpt2", tokens: tokens)
        definition.types = [3, 3, 3] + [Int32](repeating: 1, count: tokens.count - 3)
        definition.pre = pre
        definition.merges = merges
        (definition.bos, definition.eos) = (1, 2)
        if let tokenizer = try? Tokenizer(definition) { list.append(tokenizer) }
    }
    let hex = Array("0123456789ABCDEF")
    var pieces = controls + (0..<256).map { "<0x\(hex[$0 / 16])\(hex[$0 % 16])>" }
    pieces += ["▁", "a", "b", "t", "h", "e", "th", "the", "▁the", "▁▁", "é"]
    var definition = TokenizerDefinition(model: "llama", tokens: pieces)
    definition.types = [3, 3, 3] + [Int32](repeating: 6, count: 256) + [Int32](repeating: 1, count: pieces.count - 259)
    definition.scores = pieces.indices.map { -Float($0) }
    (definition.bos, definition.eos, definition.unknown) = (1, 2, 0)
    if let tokenizer = try? Tokenizer(definition) { list.append(tokenizer) }
    precondition(list.count == 5, "a tokenizer of the fuzzer is refused")
    return list
}()

// Attune
// SPDX-License-Identifier: Apache-2.0

extension Tokenizer {
    /// The text of token ids; bytes that are no UTF-8 become U+FFFD.
    ///
    /// Control tokens are left out unless `keepSpecial`; ids outside the vocabulary always are. A SentencePiece
    /// model that puts a space before every text has that one space removed again.
    package func decode(_ ids: [Int32], keepSpecial: Bool = false) -> String {
        var bytes: [UInt8] = []
        for id in ids where keepSpecial || !isControl(id) { bytes.append(contentsOf: self.bytes(of: id)) }
        if case .sentencePiece(let encoder) = encoder, encoder.addsSpacePrefix, bytes.first == 0x20,
            let first = ids.first(where: { !isControl($0) }), self.bytes(of: first).first == 0x20
        {
            bytes.removeFirst()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The bytes a token stands for, which may be part of a character; the spelling of a control token, and
    /// nothing for an id outside the vocabulary.
    package func bytes(of id: Int32) -> [UInt8] {
        vocabulary.contains(id) ? Array(vocabulary.pieces[Int(id)]) : []
    }

    /// A token as a person reads it in a preview: bytes that are no whole character are shown as `<0xE2>`.
    package func text(of id: Int32) -> String {
        guard vocabulary.contains(id) else { return "<\(id)>" }
        let bytes = bytes(of: id)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return bytes.map { byte in
            byte < 0x80
                ? String(Unicode.Scalar(byte)) : "<0x" + String(byte, radix: 16, uppercase: true) + ">"
        }.joined()
    }
}

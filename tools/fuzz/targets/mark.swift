// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

@testable import AttuneVault

/// The mark of a store: bytes as they are, and halves that this store signed, whatever they say.
///
/// Input: 0 and the file; or 1 and what two halves hold between their magic and their sum.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    guard let choice = bytes.first else { return 0 }
    guard choice % 2 == 1 else {
        let reading = mark.reading(Array(bytes.dropFirst()))
        precondition(reading == .damaged, "bytes that nobody signed are a mark")
        return 0
    }
    var file: [UInt8] = []
    var newest: UInt64 = 0
    for half in [bytes.dropFirst().prefix(112), bytes.dropFirst(113).prefix(112)] where half.count == 112 {
        let signed = Array("ATMARK01".utf8) + half
        file += [UInt8](repeating: 0, count: file.isEmpty ? 0 : StoreMark.halfOffset - file.count)
        file += signed + BLAKE2b.hash(signed, key: key).bytes
        newest = max(newest, half.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
    switch mark.reading(file) {
    case .absent: preconditionFailure("a file that is there is absent")
    case .damaged: precondition(file.isEmpty, "a signed half is damaged")
    case .content(let content):
        precondition(content.turn == newest, "the older half counts")
        let again = mark.encoded(content)
        precondition(mark.reading(again) == .content(content), "another content is written back")
        // A torn write spoils one half: the other one counts.
        file[Int(bytes.last ?? 0) % min(file.count, 152)] ^= 1
        if case .content(let other) = mark.reading(file) { precondition(other.turn <= content.turn) }
    }
    return 0
}

private let root = [UInt8](repeating: 7, count: 32)
private let mark = StoreMark(folder: StoreFolder(resolved: "/"), key: SecretBytes(copying: root))
private let key = KeyDerivation.subkey(of: SecretBytes(copying: root), id: 4, context: "ATstmark")

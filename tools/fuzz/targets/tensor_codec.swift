// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneVault

/// The encoded bytes of a blob, as another device may have sealed them; or, where they do not start as such, any
/// numbers, which are encoded and decoded again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    guard bytes.first == TensorCodec.magic.first else {
        encode(bytes)
        return 0
    }
    // What the header says its runs have, so that what lies behind the header is reached; the signed record says another.
    for size in [announced(bytes), count] where size <= 1 << 20 {
        do {
            let decoded = try TensorCodec.decode(bytes, size: size)
            precondition(decoded.count == size)
        } catch {
            precondition(error is VaultError, "not an error of the store: \(error)")
        }
    }
    return 0
}

private func encode(_ bytes: UnsafeRawBufferPointer) {
    let half = bytes.count / 8 * 4
    guard half > 0 else { return }
    let kind = bytes[0] & 1 == 0 ? TensorRun.Kind.bfloat16 : .float32
    let runs = [TensorRun(kind, count: half), TensorRun(.raw, count: bytes.count - half)]
    var encoded = TensorCodec.header(runs)
    for (run, part) in zip(runs, [bytes[..<half], bytes[half...]]) {
        TensorCodec.planes(of: run.kind, UnsafeRawBufferPointer(rebasing: part)) { encoded += $0 }
    }
    let decoded = try? encoded.withUnsafeBytes { try TensorCodec.decode($0, size: bytes.count) }
    precondition(decoded?.elementsEqual(bytes) == true, "numbers are changed")
}

private func announced(_ bytes: UnsafeRawBufferPointer) -> Int {
    var reader = ByteReader(bytes)
    guard (try? reader.run(5)) != nil, let runs: UInt32 = try? reader.bigEndian() else { return 0 }
    var sum: UInt64 = 0
    for _ in 0..<min(runs, 1024) {
        guard (try? reader.run(1)) != nil, let length: UInt64 = try? reader.bigEndian() else { break }
        sum &+= length
    }
    return Int(min(sum, 1 << 21))
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire

/// The fields of a signed request, one a line: Content-Digest, Signature-Input, Signature.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeRawBufferPointer(start: data, count: count), as: UTF8.self)
    let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    let names = ["content-digest", "signature-input", "signature"]
    do {
        let request = try SignedRequest(fields: { name in
            names.firstIndex(of: name).flatMap { $0 < lines.count ? lines[$0] : nil }
        })
        precondition(request.nonce.count == 16 && request.contentSHA512.count == 64)
        _ = request.isTimely(at: 1_700_000_000)
        try request.verify(
            method: "GET", authority: "relay.example", path: "/v1/info", query: nil,
            signingKey: [UInt8](repeating: 7, count: 32))
        preconditionFailure("a signature by nobody was taken")
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
    return 0
}

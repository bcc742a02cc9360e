// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOHTTP1

@testable import AttuneSync

/// What a remote answers instead of what was asked for, and a remote's address as somebody types it.
///
/// The first byte chooses the status; the first lines are Attune-Time and Retry-After, the rest is the body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    let statuses: [UInt] = [200, 401, 403, 404, 409, 413, 429, 500, 503, 507, 999]
    let parts = bytes.dropFirst().split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false)
    var fields = HTTPHeaders()
    for (name, part) in zip(["Attune-Time", "Retry-After"], parts) {
        fields.add(name: name, value: String(decoding: part, as: UTF8.self))
    }
    let failure = RemoteFailure(
        status: statuses[Int(bytes.first ?? 0) % statuses.count], fields: fields, body: Array(parts.last ?? []),
        now: 1_700_000_000_000)
    if case .busy(let seconds?) = failure { precondition(seconds >= 0) }
    if case .clock(let offset) = failure { precondition(abs(offset) >= 300_000) }

    let text = String(decoding: bytes, as: UTF8.self)
    if let address = RemoteAddress(text) {
        precondition(address.base.hasPrefix("http") && !address.base.hasSuffix("/"))
        let again = RemoteAddress(address.base)
        precondition(again?.authority == address.authority, "\(text) is read as another remote")
    }
    return 0
}

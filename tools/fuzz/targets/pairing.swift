// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import SwiftProtobuf

/// What arrives in a pairing: a message of the mailbox, each of the messages sealed in one, a share, and a typed code.
///
/// Each message is tried as it is and in its one encoding, so that what lies behind the encoding is reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    check(bytes) { bytes in
        let message = try ProtoPairingMessage(parsing: bytes)
        precondition(message.version == 1 && message.phase != nil)
        if case .share(let share) = message.phase {
            let session = try side.finish(share: Array(share.point), associatedData: Array(share.associatedData))
            _ = try session.confirm([UInt8](repeating: 0, count: 64))
            preconditionFailure("a confirmation of zeros was taken")
        }
        return message
    }
    check(bytes) { bytes in
        let message = try ProtoPairingOffer(parsing: bytes)
        precondition(message.circle.count == 32)
        return message
    }
    check(bytes) { bytes in
        let message = try ProtoPairingAnswer(parsing: bytes)
        precondition(message.counterSignature.count == 64)
        return message
    }
    check(bytes) { bytes in
        let message = try ProtoPairingWelcome(parsing: bytes)
        precondition(message.links.count <= WireLimits.links)
        return message
    }
    check(bytes) { bytes in
        let message = try ProtoPairingDone(parsing: bytes)
        precondition(message.link.count == 32)
        return message
    }
    attempt {
        let code = try PairingCode(parsing: String(decoding: bytes, as: UTF8.self))
        let again = try PairingCode(parsing: code.description)
        precondition(again == code)
    }
    return 0
}

/// One side for all runs: making a share costs more than all the rest of a run.
private let side = CPace(role: .responder, password: [1], context: [2], sessionID: [3], associatedData: [4])

private func check<Content: Message>(_ bytes: [UInt8], _ parse: ([UInt8]) throws -> Content) {
    attempt {
        let message = try parse(bytes)
        let again: [UInt8] = try message.serializedBytes()
        precondition(again == bytes, "a second encoding was taken")
    }
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    guard let message = try? Content(serializedBytes: bytes, options: options),
        let canonical: [UInt8] = try? message.serializedBytes(), canonical != bytes
    else { return }
    attempt { _ = try parse(canonical) }
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

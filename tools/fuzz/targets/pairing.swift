// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire

/// What arrives in a pairing: a message of the mailbox, each of the messages sealed in one, a share, and a typed code.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    check {
        let message = try ProtoPairingMessage(parsing: bytes)
        precondition(message.version == 1 && message.phase != nil)
        if case .share(let share) = message.phase {
            let side = CPace(role: .responder, password: [1], context: [2], sessionID: [3], associatedData: [4])
            let session = try side.finish(share: Array(share.point), associatedData: Array(share.associatedData))
            _ = try session.confirm([UInt8](repeating: 0, count: 64))
            preconditionFailure("a confirmation of zeros was taken")
        }
    }
    check {
        let message = try ProtoPairingOffer(parsing: bytes)
        precondition(message.circle.count == 32)
    }
    check {
        let message = try ProtoPairingAnswer(parsing: bytes)
        precondition(message.counterSignature.count == 64)
    }
    check {
        let message = try ProtoPairingWelcome(parsing: bytes)
        precondition(message.links.count <= WireLimits.links)
    }
    check {
        let message = try ProtoPairingDone(parsing: bytes)
        precondition(message.link.count == 32)
    }
    check {
        let code = try PairingCode(parsing: String(decoding: bytes, as: UTF8.self))
        let again = try PairingCode(parsing: code.description)
        precondition(again == code)
    }
    return 0
}

private func check(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneWire
import Foundation

/// Two devices about to pair, with real keys and the real exchange between them.
struct PairingMaterial {
    let oldKeys: DeviceKeys
    let newKeys: DeviceKeys
    let circle = CircleID(BLAKE2b.hash([0xC1]))
    let link = LinkHash(BLAKE2b.hash([0xA7]))

    init() throws {
        oldKeys = try .generate()
        newKeys = try .generate()
    }

    static func record(_ keys: DeviceKeys) -> ProtoDeviceRecord {
        var record = ProtoDeviceRecord()
        record.signingKey = Data(keys.publicKeys.signingKey)
        record.sealingKey = Data(keys.publicKeys.sealingKey)
        record.tlsKeyHash = Data(keys.publicKeys.tlsKeyHash)
        return record
    }

    func flow(_ side: PairingSide, _ code: PairingCode, authority: String? = "relay.example") -> PairingFlow {
        PairingFlow(side: side, code: code, authority: authority, record: Self.record(side == .old ? oldKeys : newKeys))
    }

    /// Both sides up to the words, every message passed through `tamper`, which names the sender and the phase.
    static func agree(
        _ old: inout PairingFlow, _ new: inout PairingFlow,
        tamper: (PairingSide, Int, [UInt8]) -> [UInt8] = { $2 }
    ) throws -> (old: [String], new: [String]) {
        var toNew = try old.opening()
        var toOld = try new.opening()
        for phase in 1...2 {
            let (fromNew, _) = try new.receive(tamper(.old, phase, toNew))
            let (fromOld, _) = try old.receive(tamper(.new, phase, toOld))
            toOld = fromNew ?? []
            toNew = fromOld ?? []
        }
        guard case .agreed(let newWords) = try new.receive(tamper(.old, 3, toNew)).event,
            case .agreed(let oldWords) = try old.receive(tamper(.new, 3, toOld)).event
        else { throw PairingError.abandoned }
        return (oldWords, newWords)
    }
}

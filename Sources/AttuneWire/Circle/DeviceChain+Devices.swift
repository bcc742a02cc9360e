// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension DeviceChain {
    /// The devices that are in the circle now, without the paper device, by id.
    package var active: [CircleDevice] {
        devices.values.filter { $0.isActive && !$0.isPaper }.sorted { $0.id < $1.id }
    }

    /// The recovery words as a device; nil if the circle has none.
    package var paper: CircleDevice? { devices.values.first { $0.isActive && $0.isPaper } }

    /// Who gets the key of the next epoch: the active devices and the paper device, by id.
    package var recipients: [CircleDevice] { devices.values.filter(\.isActive).sorted { $0.id < $1.id } }

    /// Who wrote an entry, its signature checked.
    ///
    /// - Throws: `WireError` E-WIRE-005 (signature), E-WIRE-008 (no device of the circle), E-WIRE-009 (revoked before
    ///   it), E-WIRE-010 (an epoch that only later links have), E-WIRE-011 (another circle).
    package func author(of entry: Entry) throws -> CircleDevice {
        guard entry.circle == circle else { throw WireError.otherCircle }
        guard let device = devices[entry.device], !device.isPaper else { throw WireError.unknownDevice(entry.device) }
        if let revocation = device.revocation {
            guard
                entry.seq < revocation.lastSeq || entry.seq == revocation.lastSeq && entry.hash == revocation.lastEntry
            else { throw WireError.revokedDevice(entry.device) }
        }
        guard entry.epoch <= epoch else { throw WireError.unknownEpoch(entry.epoch) }
        try entry.verify(signingKey: device.signingKey)
        return device
    }

    /// Whether another branch of this chain counts in place of this one, given the links at which they part.
    ///
    /// A revocation is never undone: a branch in which somebody is active, or has signed, whom this one shut out does not
    /// count, and one that shuts out somebody who is active or has signed here does. So a device that was shut out wins
    /// nothing by beginning again before that, not even by adding another one in its place and leaving by itself. Between
    /// branches that agree in this the lower hash counts.
    package func yields(to other: DeviceChain, from own: Link, and theirs: Link) -> Bool {
        if revokes(whoActsIn: other, since: theirs.seq) { return false }
        return other.revokes(whoActsIn: self, since: own.seq) || theirs.hash < own.hash
    }

    private func revokes(whoActsIn other: DeviceChain, since parting: UInt64) -> Bool {
        devices.values.contains { device in
            !device.isActive
                && (other.devices[device.id]?.isActive == true || other.newestSigned[device.id] ?? 0 >= parting)
        }
    }

    /// Whether revoking `ids` needs the signature of a second device or of the paper device.
    ///
    /// It does for two devices or more, for the last one beside the signer, and for the paper device.
    package func needsSecondSignature(revoking ids: [DeviceID], by signer: DeviceID) -> Bool {
        let others = active.filter { $0.id != signer && !ids.contains($0.id) }
        return ids.count > 1 || others.isEmpty || ids.contains { devices[$0]?.isPaper == true }
    }

    mutating func shutOut(_ revoke: ProtoRevokeDevices, by signer: CircleDevice, at seq: UInt64) throws {
        let ids = revoke.revocations.compactMap { DeviceID($0.device) }
        guard ids.allSatisfy({ devices[$0]?.isActive == true }) else {
            throw WireError.refused("a device is revoked that is not active")
        }
        // The signer makes the next epoch's key, so it cannot be shut out by it.
        guard !ids.contains(signer.id) else { throw WireError.refused("a device revokes itself") }
        if needsSecondSignature(revoking: ids, by: signer.id) {
            guard let id = DeviceID(revoke.secondSigner), !ids.contains(id) else {
                throw WireError.refused("this revocation needs a second device or the recovery words")
            }
            try checkSecond(id, Array(revoke.secondSignature), revoking: ids, by: signer)
        } else {
            guard revoke.secondSigner.isEmpty else { throw WireError.refused("a second signature that is not needed") }
        }
        for (id, revocation) in zip(ids, revoke.revocations) {
            devices[id]?.revocation = CircleDevice.Revocation(
                lastSeq: revocation.lastSeq, lastEntry: EntryHash(revocation.lastEntry), at: seq)
        }
        guard !active.isEmpty else { throw WireError.refused("no device would be left") }
    }

    /// Ends the recovery words so that new ones can come: with their own signature, or that of a second device.
    mutating func shutOutWords(_ replace: ProtoReplaceWords, by signer: CircleDevice, at seq: UInt64) throws {
        guard let old = paper else { throw WireError.refused("there are no recovery words that could be replaced") }
        // The signer makes the next epoch's key.
        guard !signer.isPaper else { throw WireError.refused("recovery words replace themselves") }
        guard let id = DeviceID(replace.secondSigner) else { throw WireError.refused("no second signer") }
        try checkSecond(id, Array(replace.secondSignature), revoking: [old.id], by: signer)
        devices[old.id]?.revocation = CircleDevice.Revocation(lastSeq: 0, lastEntry: nil, at: seq)
    }

    private func checkSecond(
        _ id: DeviceID, _ signature: [UInt8], revoking ids: [DeviceID], by signer: CircleDevice
    ) throws {
        guard id != signer.id, let second = devices[id], second.isActive else {
            throw WireError.refused("this needs a second device or the recovery words")
        }
        let text = SignedText.revoke(previous: head, devices: ids)
        guard WireHash.verify(signature, of: text, by: second.signingKey) else {
            throw WireError.signature("the second device")
        }
    }
}

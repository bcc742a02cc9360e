// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import SwiftProtobuf

@testable import AttuneSync

/// A circle of real keys, grown through the product's own writers.
struct SealedCircle {
    let first: DeviceKeys
    let paper: DeviceKeys
    private(set) var chain: DeviceChain
    private(set) var links: [Link]
    private(set) var keyring: EpochKeyring

    init() throws {
        first = try DeviceKeys.generate()
        paper = try DeviceKeys(paper: .random())
        let (genesis, key) = try LinkWriter.genesis(keys: first, name: "first", paper: paper.publicKeys)
        links = [genesis]
        chain = try DeviceChain(genesis: genesis)
        keyring = EpochKeyring(chain: chain, device: first, known: [key])
    }

    func writer(_ signer: DeviceKeys? = nil) -> LinkWriter { LinkWriter(chain: chain, keys: signer ?? first) }

    mutating func take(_ link: Link) throws {
        try chain.append(link)
        links.append(link)
    }

    mutating func take(_ made: (link: Link, key: EpochKey)) throws {
        try take(made.link)
        try keyring.take(made.key)
    }

    /// Adds a device in both steps.
    mutating func add(_ name: String) throws -> DeviceKeys {
        let device = try DeviceKeys.generate()
        try take(
            writer().add(
                device.publicKeys.record, name: name,
                counterSignature: device.counterSignature(joining: chain.circle, after: chain.head), keyring: keyring))
        try take(writer().epoch(keyring: keyring))
        return device
    }

    func keyring(of device: DeviceKeys) throws -> EpochKeyring { EpochKeyring(chain: chain, device: device) }

    /// Where the first entry of a device goes.
    func place(
        of device: DeviceKeys, seq: UInt64 = 1, previous: EntryHash? = nil, epoch: UInt32? = nil
    ) throws -> EntryPlace {
        return EntryPlace(
            circle: chain.circle, device: device.deviceID, seq: seq, previous: previous ?? .zero,
            epoch: epoch ?? chain.epoch, lamport: seq + 3, frontier: [:])
    }

    /// A change of an adapter's name.
    static func rename(_ name: String) throws -> EntryDraft {
        let payload = ProtoEntryPayload.with {
            $0.change.adapter = .init(repeating: 5, count: 16)
            $0.change.name = name
        }
        return EntryDraft(id: 1, kind: .change, payload: try payload.serializedBytes(), parents: [], chunks: [])
    }
}

/// The code of the error that `body` throws; nil if it throws none.
func sealingCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? any AttuneError)?.code ?? "\(error)"
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf

@testable import AttuneCrypto
@testable import AttuneSync

/// Makes the vectors of messages, each file anew.
enum WireVectorWriter {
    static func writeAll() throws {
        let (links, entries) = try circle()
        try WireVectors.write(links, to: "links")
        try WireVectors.write(entries, to: "entries")
        try WireVectors.write(requests(), to: "requests")
        try WireVectors.write(pairing(), to: "pairing")
    }

    private static func device(_ name: String, _ number: UInt8) throws -> (WireVectors.Device, DeviceKeys) {
        let seeds = (0..<3).map { [UInt8](repeating: number + UInt8($0), count: 32) }
        let keys = try DeviceKeys(
            signingSeed: SecretBytes(copying: seeds[0]), sealingSeed: SecretBytes(copying: seeds[1]),
            tlsKey: SecretBytes(copying: seeds[2]))
        let vector = WireVectors.Device(
            name: name, signingSeed: Hex.encode(seeds[0]), sealingSeed: Hex.encode(seeds[1]),
            tlsKey: Hex.encode(seeds[2]), id: keys.deviceID.description,
            certificate: try keys.tlsIdentity().map { Hex.encode($0.certificate) })
        return (vector, keys)
    }

    private static func circle() throws -> (WireVectors.Links, WireVectors.Entries) {
        let made = try [device("laptop", 0x10), device("tower", 0x20), device("old laptop", 0x30)]
        let (first, second, third) = (made[0].1, made[1].1, made[2].1)
        let entropy = [UInt8](repeating: 0x40, count: 32)
        let paper = try DeviceKeys(paper: RecoveryWords(entropy: SecretBytes(copying: entropy)))
        let (genesis, key) = try LinkWriter.genesis(keys: first, name: "laptop", paper: paper.publicKeys)
        var chain = try DeviceChain(genesis: genesis)
        var links = [genesis]
        var keyring = EpochKeyring(chain: chain, device: first, known: [key])
        var refused: [WireVectors.Refused] = []

        func refuse(_ code: String, by signer: DeviceKeys, _ change: (inout ProtoLinkBody) -> Void) throws {
            guard let last = links.last else { return }
            var body = last.body
            body.seq = chain.seq + 1
            body.previous = Data(chain.head.bytes)
            body.epoch = chain.epoch
            body.signer = Data(signer.deviceID.bytes)
            change(&body)
            let encoded: [UInt8] = try body.serializedBytes()
            let signed = ProtoSignedLink.with {
                $0.body = Data(encoded)
                $0.signature = Data(signer.sign(SignedText.link(Link.hash(body: encoded))))
            }
            refused.append(
                WireVectors.Refused(
                    after: links.count, bytes: Hex.encode(try signed.serializedBytes() as [UInt8]), code: code))
        }
        func take(_ link: Link) throws {
            try chain.append(link)
            links.append(link)
        }
        for (vector, keys) in made.dropFirst() {
            let writer = LinkWriter(chain: chain, keys: first)
            let signature = keys.counterSignature(joining: chain.circle, after: chain.head)
            try take(
                writer.add(keys.publicKeys.record, name: vector.name, counterSignature: signature, keyring: keyring))
            let (link, key) = try LinkWriter(chain: chain, keys: first).epoch(keyring: keyring)
            try take(link)
            try keyring.take(key)
        }
        let current = try chain.recipients.map { recipient in
            try ProtoEnvelope.with {
                $0.device = Data(recipient.id.bytes)
                $0.sealed = Data(
                    try EpochKey.random(epoch: 4).envelope(
                        for: DevicePublicKeys(recipient.record), circle: chain.circle))
            }
        }
        let epoch = ProtoEpochKeys.with {
            $0.epoch = 4
            $0.envelopes = current
            $0.sealedPrevious = Data(repeating: 0, count: Link.sealedPreviousBytes)
        }
        try refuse("E-WIRE-004", by: first) {
            $0.suite = 1; $0.epochKeys = epoch
        }
        try refuse("E-WIRE-006", by: first) {
            $0.epochKeys = epoch; $0.previous = Data(chain.circle.bytes)
        }
        try refuse("E-WIRE-007", by: first) {
            $0.epochKeys = epoch; $0.epochKeys.envelopes.removeLast()
        }
        try refuse("E-WIRE-007", by: DeviceKeys.generate()) { $0.epochKeys = epoch }
        try refuse("E-WIRE-005", by: second) {
            $0.epochKeys = epoch; $0.signer = Data(first.deviceID.bytes)
        }
        try refuse("E-WIRE-001", by: first) {
            $0.epochKeys = epoch; $0.epochKeys.envelopes.reverse()
        }
        try refuse("E-WIRE-007", by: first) { body in
            body.revoke = .with {
                $0.revocations = [second, third].map(\.deviceID).sorted().map { id in
                    .with { $0.device = Data(id.bytes) }
                }
                $0.epochKeys = epoch
                $0.epochKeys.envelopes.removeAll {
                    [second, third].map { Data($0.deviceID.bytes) }.contains($0.device)
                }
            }
        }
        try take(LinkWriter(chain: chain, keys: first).rename(to: "Zoë's laptop", keyring: keyring))
        // A name that another device gives does not count.
        try take(foreignName("my laptop", of: first, by: second, chain: chain, keyring: keyring))
        let entryWriter = EntryWriter(keys: third)
        let place = EntryPlace(
            circle: chain.circle, device: third.deviceID, seq: 1, previous: .zero, epoch: chain.epoch, lamport: 1,
            frontier: [:])
        guard let epochKey = keyring[chain.epoch] else { throw CocoaError(.coderReadCorrupt) }
        let last = try entryWriter.entry(SealedCircle.rename("diary"), at: place, key: epochKey)
        let signature = paper.secondSignature(revoking: [third.deviceID], after: chain.head)
        let (revocation, newest) = try LinkWriter(chain: chain, keys: first).revoke(
            [third.deviceID: LogPosition(seq: 1, hash: last.hash)], second: (paper.deviceID, signature),
            keyring: keyring)
        try take(revocation)
        try keyring.take(newest)
        let newEntropy = [UInt8](repeating: 0x50, count: 32)
        let newPaper = try DeviceKeys(paper: RecoveryWords(entropy: SecretBytes(copying: newEntropy)))
        let agreement = paper.secondSignature(revoking: [paper.deviceID], after: chain.head)
        let (replacement, replaced) = try LinkWriter(chain: chain, keys: first).replaceWords(
            with: newPaper, second: (paper.deviceID, agreement), keyring: keyring)
        try refuse("E-WIRE-005", by: second) {
            $0.version = 2; $0.replaceWords = replacement.body.replaceWords
            $0.replaceWords.secondSignature = Data(repeating: 0, count: 64)
        }
        try refuse("E-WIRE-007", by: second) {
            $0.version = 2; $0.replaceWords = replacement.body.replaceWords
            $0.replaceWords.secondSigner = Data(second.deviceID.bytes)
        }
        try refuse("E-WIRE-004", by: first) {
            $0.version = 1; $0.replaceWords = replacement.body.replaceWords
        }
        try take(replacement)
        try keyring.take(replaced)
        try refuse("E-WIRE-007", by: paper) {
            $0.version = 1; $0.epochKeys = epoch
        }
        let epochs = keyring.keys.sorted { $0.key < $1.key }.map {
            $0.value.withKey { Hex.encode($0.exposedForVectors) }
        }
        let vectors = WireVectors.Links(
            devices: made.map(\.0), recovery: Hex.encode(newEntropy), formerRecovery: Hex.encode(entropy),
            paper: newPaper.deviceID.description,
            circle: chain.circle.description, head: chain.head.description, epochs: epochs,
            links: links.map { Hex.encode($0.bytes) },
            names: [first.deviceID.description: "Zoë's laptop", second.deviceID.description: "tower"], refused: refused)
        let entries = try entries(
            chain: chain, links: vectors.links, epochs: epochs, keyring: keyring, last: last, first: first,
            second: second, third: third)
        return (vectors, entries)
    }

    private static func foreignName(
        _ name: String, of device: DeviceKeys, by signer: DeviceKeys, chain: DeviceChain, keyring: EpochKeyring
    ) throws -> Link {
        var body = try LinkWriter(chain: chain, keys: signer).rename(to: "x", keyring: keyring).body
        body.rename.device = Data(device.deviceID.bytes)
        if let key = keyring[chain.epoch] {
            body.rename.sealedName = Data(try key.seal(name: name, device: device.deviceID))
        }
        let encoded: [UInt8] = try body.serializedBytes()
        let hash = Link.hash(body: encoded)
        return try Link(
            .with {
                $0.body = Data(encoded)
                $0.signature = Data(signer.sign(SignedText.link(hash)))
            })
    }

    private static func entries(
        chain: DeviceChain, links: [String], epochs: [String], keyring: EpochKeyring, last: Entry, first: DeviceKeys,
        second: DeviceKeys, third: DeviceKeys
    ) throws -> WireVectors.Entries {
        guard let newest = keyring.newest, let older = keyring[1] else { throw CocoaError(.coderReadCorrupt) }
        func place(_ keys: DeviceKeys, _ seq: UInt64, _ previous: EntryHash, _ key: EpochKey) -> EntryPlace {
            EntryPlace(
                circle: chain.circle, device: keys.deviceID, seq: seq, previous: previous, epoch: key.epoch,
                lamport: seq + 10, frontier: [third.deviceID: LogPosition(seq: 1, hash: last.hash)])
        }
        let payload = ProtoEntryPayload.with {
            $0.version = .with {
                $0.adapter = Data(repeating: 5, count: 16)
                $0.name = "diary"
                $0.base = Data(repeating: 2, count: 32)
                $0.version = Data(repeating: 3, count: 32)
                $0.parents = [Data(repeating: 4, count: 32)]
                $0.manifest = #"{"method":"lora","rank":8}"#
                $0.blob = .with {
                    $0.id = Data(repeating: 6, count: 16)
                    $0.key = Data(repeating: 7, count: 32)
                    $0.size = 2_000_000
                    $0.encodedSize = 1_400_000
                    $0.digest = Data(repeating: 8, count: 32)
                    $0.codec = 1
                }
                $0.created = 1_700_000_000_000
                $0.lossBefore = 3.25
                $0.lossAfter = 2.5
                $0.number = 7
            }
        }
        let ids = [[UInt8](repeating: 0xee, count: 32), [UInt8](repeating: 0xaa, count: 32)].compactMap {
            ChunkID($0)
        }
        let version = EntryDraft(
            id: 1, kind: .version, payload: try payload.serializedBytes(), parents: [last.hash], chunks: ids)
        let release = EntryDraft(
            id: 2, kind: .release,
            payload: try ProtoEntryPayload.with {
                $0.release.versions = [Data(repeating: 4, count: 32)]
            }.serializedBytes(), parents: [], chunks: [], released: [last.hash])
        let one = try EntryWriter(keys: first).entry(version, at: place(first, 1, .zero, newest), key: newest)
        let two = try EntryWriter(keys: first).entry(release, at: place(first, 2, one.hash, newest), key: newest)
        let old = try EntryWriter(keys: second).entry(
            SealedCircle.rename("offline"), at: place(second, 1, .zero, older), key: older)
        let late = try EntryWriter(keys: third).entry(
            SealedCircle.rename("late"),
            at: EntryPlace(
                circle: chain.circle, device: third.deviceID, seq: 2, previous: last.hash, epoch: newest.epoch,
                lamport: 9, frontier: [:]), key: newest)
        var flipped = one.bytes
        flipped[flipped.count - 1] ^= 1
        // Signed as it is, but sealed under the key of another epoch.
        let wrong = EpochKey(epoch: newest.epoch, key: SecretBytes(count: 32))
        let unreadable = try EntryWriter(keys: second).entry(
            SealedCircle.rename("unreadable"), at: place(second, 2, old.hash, newest), key: wrong)
        func vector(_ entry: Entry) throws -> WireVectors.Entry {
            let payload = try EntryReader(keyring: keyring).payload(of: entry)
            return WireVectors.Entry(
                bytes: Hex.encode(entry.bytes), hash: entry.hash.description, device: entry.device.description,
                payload: Hex.encode(try payload.serializedBytes() as [UInt8]))
        }
        func refused(_ bytes: [UInt8], _ code: String) -> WireVectors.Refused {
            WireVectors.Refused(after: links.count, bytes: Hex.encode(bytes), code: code)
        }
        return WireVectors.Entries(
            links: links, epochs: epochs, entries: try [last, one, two, old].map(vector),
            refused: [
                refused(late.bytes, "E-WIRE-009"), refused(flipped, "E-WIRE-005"),
                refused(unreadable.bytes, "E-KEY-043"), refused(Array(one.bytes.dropLast()), "E-WIRE-002"),
                refused(one.bytes + [0x20, 0x01], "E-WIRE-002"),
            ])
    }

    private static func requests() throws -> WireVectors.Requests {
        let (vector, keys) = try device("laptop", 0x10)
        var made: [WireVectors.Request] = []
        for (method, path, query, body) in [
            ("GET", "/v1/info", nil, ""),
            ("GET", "/v1/circles/\(String(repeating: "ab", count: 32))/entries", "device=00ff&after=7&limit=512", ""),
            ("POST", "/v1/circles/\(String(repeating: "ab", count: 32))/links", nil, "0a03010203"),
            ("PUT", "/v1/circles/x/chunks/%C3%A9", "", String(repeating: "5a", count: 1000)),
        ] as [(String, String, String?, String)] {
            let nonce = [UInt8](repeating: 0xfb, count: 16)
            let fields = try RequestSignature(created: 1_700_000_000, nonce: nonce, device: keys.deviceID).fields(
                method: method, authority: "relay.example:8443", path: path, query: query,
                body: WireVectors.bytes(body), sign: keys.sign)
            made.append(
                WireVectors.Request(
                    method: method, authority: "relay.example:8443", path: path, query: query, body: body,
                    created: 1_700_000_000, nonce: Hex.encode(nonce), contentDigest: fields[0].value,
                    signatureInput: fields[1].value, signature: fields[2].value))
        }
        func changed(
            _ code: String, method: String? = nil, authority: String? = nil, path: String? = nil, query: String? = nil,
            body: String? = nil, input: (String) -> String = { $0 }
        ) -> WireVectors.Request {
            let good = made[2]
            return WireVectors.Request(
                method: method ?? good.method, authority: authority ?? good.authority, path: path ?? good.path,
                query: query, body: body ?? good.body, created: good.created, nonce: good.nonce,
                contentDigest: good.contentDigest, signatureInput: input(good.signatureInput),
                signature: good.signature, code: code)
        }
        let wrong = [
            changed("E-WIRE-022", method: "PUT"), changed("E-WIRE-022", authority: "relay.example"),
            changed("E-WIRE-022", path: "/v1/info"), changed("E-WIRE-022", query: "a=b"),
            changed("E-WIRE-021", body: "00"),
            changed("E-WIRE-022") { $0.replacing("created=1700000000", with: "created=1700000001") },
            changed("E-WIRE-020") { $0.replacing("\"@path\" ", with: "") },
            changed("E-WIRE-020") { $0.replacing("ed25519", with: "none") },
        ]
        return WireVectors.Requests(
            signingSeed: vector.signingSeed, sealingSeed: vector.sealingSeed, device: vector.id, requests: made + wrong)
    }

    private static func pairing() throws -> WireVectors.Pairing {
        let records = try [device("laptop", 0x10), device("tower", 0x20)].map {
            Hex.encode(try $0.1.publicKeys.record.serializedBytes() as [UInt8])
        }
        return try pairing(
            WireVectors.Pairing(
                code: "7-otter-lantern-cedar", authority: "relay.example",
                oldNonce: String(repeating: "a1", count: 16), newNonce: String(repeating: "b2", count: 16),
                oldScalar: String(repeating: "0c", count: 32), newScalar: String(repeating: "0d", count: 32),
                oldRecord: records[0], newRecord: records[1], oldShare: "", newShare: "", oldConfirmation: "",
                newConfirmation: "", checkWords: "", messages: [],
                circles: [String(repeating: "33", count: 32), String(repeating: "22", count: 32)], safetyNumber: "",
                words: CodeWordList.words))
    }

    /// A pairing with the given secrets; messages are opened where there are any, else made.
    static func pairing(_ given: WireVectors.Pairing) throws -> WireVectors.Pairing {
        let code = try PairingCode(parsing: given.code)
        func side(_ role: CPace.Role, _ scalar: String, _ record: String) throws -> CPace {
            CPace(
                role: role, password: code.password, context: code.context(authority: given.authority),
                sessionID: try WireVectors.bytes(given.oldNonce + given.newNonce),
                associatedData: BLAKE2b.hash([role.rawValue] + (try WireVectors.bytes(record))).bytes,
                scalar: SecretBytes(copying: try WireVectors.bytes(scalar)))
        }
        let old = try side(.initiator, given.oldScalar, given.oldRecord)
        let new = try side(.responder, given.newScalar, given.newRecord)
        let oldSession = try old.finish(share: new.share, associatedData: new.associatedData)
        let newSession = try new.finish(share: old.share, associatedData: old.associatedData)
        let oldChannel = try oldSession.confirm(newSession.confirmation)
        let newChannel = try newSession.confirm(oldSession.confirmation)
        var messages = try given.messages.map { message in
            let receiver = message.from == "old" ? newChannel : oldChannel
            let opened = try receiver.open(WireVectors.bytes(message.sealed), phase: message.phase)
            return WireVectors.Message(
                from: message.from, phase: message.phase, plaintext: Hex.encode(opened), sealed: message.sealed)
        }
        if messages.isEmpty {
            for (from, channel, phase) in [("old", oldChannel, 4), ("new", newChannel, 5)]
                as [(String, PairingChannel, UInt8)]
            {
                let text = Array("from the \(from) device".utf8)
                messages.append(
                    WireVectors.Message(
                        from: from, phase: phase, plaintext: Hex.encode(text),
                        sealed: Hex.encode(channel.seal(text, phase: phase))))
            }
        }
        let circles = given.circles.compactMap { CircleID(hex: $0) }
        return WireVectors.Pairing(
            code: given.code, authority: given.authority, oldNonce: given.oldNonce, newNonce: given.newNonce,
            oldScalar: given.oldScalar, newScalar: given.newScalar, oldRecord: given.oldRecord,
            newRecord: given.newRecord, oldShare: Hex.encode(old.share), newShare: Hex.encode(new.share),
            oldConfirmation: Hex.encode(oldSession.confirmation), newConfirmation: Hex.encode(newSession.confirmation),
            checkWords: oldChannel.checkWords.description, messages: messages, circles: given.circles,
            safetyNumber: SafetyNumber(circles[0], circles[1]).description, words: given.words)
    }
}

extension SecretBytes {
    /// The bytes in the open, which is what vectors are for.
    var exposedForVectors: [UInt8] { withUnsafeBytes { Array($0) } }
}

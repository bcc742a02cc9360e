// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

@testable import AttuneCrypto
@testable import AttuneSync

/// Holds readers and writers to the vectors of `schemas/vectors`, those that Python made among them.
@Suite struct WireVectorTests {
    init() throws {
        if WireVectors.isWriting { try Self.rewrite.get() }
    }

    private static let rewrite = Result { try WireVectorWriter.writeAll() }

    private func keys(_ device: WireVectors.Device) throws -> DeviceKeys {
        try DeviceKeys(
            signingSeed: SecretBytes(copying: WireVectors.bytes(device.signingSeed)),
            sealingSeed: SecretBytes(copying: WireVectors.bytes(device.sealingSeed)),
            tlsKey: SecretBytes(copying: WireVectors.bytes(device.tlsKey)))
    }

    private func epoch(_ number: Int, _ key: String) throws -> EpochKey {
        EpochKey(epoch: UInt32(number + 1), key: SecretBytes(copying: try WireVectors.bytes(key)))
    }

    @Test(arguments: WireVectors.both("links"))
    func linksAreVerifiedAndEveryDeviceOpensItsKeys(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: WireVectors.Links.self)
        let links = try vectors.links.map(WireVectors.bytes)
        let chain = try DeviceChain(verifying: links)
        #expect(chain.circle.description == vectors.circle)
        #expect(chain.head.description == vectors.head)
        #expect(Set(chain.active.map(\.id.description)) == Set(vectors.names.keys))
        let words = RecoveryWords(entropy: SecretBytes(copying: try WireVectors.bytes(vectors.recovery)))
        let paper = try DeviceKeys(paper: words)
        #expect(paper.deviceID.description == vectors.paper)
        let former = try DeviceKeys(
            paper: RecoveryWords(entropy: SecretBytes(copying: WireVectors.bytes(vectors.formerRecovery))))
        #expect(chain.devices[former.deviceID]?.isActive == false)
        #expect(EpochKeyring(chain: chain, device: former).keys.isEmpty)
        var readers = [paper]
        for device in vectors.devices {
            let keys = try keys(device)
            #expect(keys.deviceID.description == device.id)
            if vectors.names[device.id] != nil { readers.append(keys) }
        }
        for reader in readers {
            let keyring = EpochKeyring(chain: chain, device: reader)
            #expect(keyring.keys.count == vectors.epochs.count)
            for (index, key) in vectors.epochs.enumerated() {
                #expect(keyring[UInt32(index + 1)]?.isEqual(to: try epoch(index, key)) == true)
            }
            for device in chain.active { #expect(keyring.name(of: device) == vectors.names[device.id.description]) }
        }
        for refused in vectors.refused {
            var part = try DeviceChain(verifying: Array(links[..<refused.after]))
            let code = sealingCode { try part.append(Link(parsing: WireVectors.bytes(refused.bytes))) }
            #expect(code == refused.code)
        }
    }

    @Test(arguments: WireVectors.both("entries"))
    func entriesAreVerifiedAndOpened(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: WireVectors.Entries.self)
        let chain = try DeviceChain(verifying: vectors.links.map(WireVectors.bytes))
        let keys = try vectors.epochs.enumerated().map { try epoch($0.offset, $0.element) }
        let keyring = try EpochKeyring(chain: chain, device: DeviceKeys.generate(), known: keys)
        let reader = EntryReader(keyring: keyring)
        for vector in vectors.entries {
            let entry = try Entry(parsing: WireVectors.bytes(vector.bytes))
            #expect(entry.hash.description == vector.hash)
            #expect(try chain.author(of: entry).id.description == vector.device)
            let payload = try reader.payload(of: entry)
            #expect(try payload == ProtoEntryPayload(serializedBytes: WireVectors.bytes(vector.payload)))
        }
        for refused in vectors.refused {
            let code = sealingCode {
                let entry = try Entry(parsing: WireVectors.bytes(refused.bytes))
                _ = try chain.author(of: entry)
                _ = try reader.payload(of: entry)
            }
            #expect(code == refused.code)
        }
    }

    @Test(arguments: WireVectors.both("requests"))
    func requestsAreVerifiedAndSignedAlike(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: WireVectors.Requests.self)
        let keys = try DeviceKeys(
            signingSeed: SecretBytes(copying: WireVectors.bytes(vectors.signingSeed)),
            sealingSeed: SecretBytes(copying: WireVectors.bytes(vectors.sealingSeed)), tlsKey: SecretBytes(count: 0))
        for vector in vectors.requests {
            let fields = [
                "content-digest": vector.contentDigest, "signature-input": vector.signatureInput,
                "signature": vector.signature,
            ]
            let code = sealingCode {
                let request = try SignedRequest(fields: { fields[$0] })
                #expect(request.device.description == vectors.device)
                try request.verify(
                    method: vector.method, authority: vector.authority, path: vector.path, query: vector.query,
                    signingKey: keys.publicKeys.signingKey)
                try request.check(body: WireVectors.bytes(vector.body))
            }
            #expect(code == vector.code)
            guard vector.code == nil else { continue }
            let signature = RequestSignature(
                created: vector.created, nonce: try WireVectors.bytes(vector.nonce), device: keys.deviceID)
            let made = try signature.fields(
                method: vector.method, authority: vector.authority, path: vector.path, query: vector.query,
                body: WireVectors.bytes(vector.body), sign: keys.sign)
            #expect(made.map(\.value) == [vector.contentDigest, vector.signatureInput, vector.signature])
        }
    }

    @Test(arguments: WireVectors.both("pairing"))
    func aPairingGoesAsWritten(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: WireVectors.Pairing.self)
        let made = try WireVectorWriter.pairing(vectors)
        #expect(made.oldShare == vectors.oldShare)
        #expect(made.newShare == vectors.newShare)
        #expect(made.oldConfirmation == vectors.oldConfirmation)
        #expect(made.newConfirmation == vectors.newConfirmation)
        #expect(made.checkWords == vectors.checkWords)
        #expect(made.safetyNumber == vectors.safetyNumber)
        if let words = vectors.words { #expect(words == CodeWordList.words) }
        for (message, again) in zip(vectors.messages, made.messages) { #expect(again.plaintext == message.plaintext) }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import CSodium
import Crypto
import Foundation
import Testing

@testable import AttuneCrypto

@Suite struct DeviceKeysTests {
    private func keys(_ number: UInt8) throws -> DeviceKeys {
        try DeviceKeys(
            signingSeed: SecretBytes(copying: [UInt8](repeating: number, count: 32)),
            sealingSeed: SecretBytes(copying: [UInt8](repeating: number &+ 1, count: 32)),
            tlsKey: SecretBytes(copying: [UInt8](repeating: number, count: 32)))
    }

    // RFC 8032 §7.1, tests 1 to 3.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ])
    func signaturesAgreeWithRFC8032(_ seed: String, _ publicKey: String, _ message: String, _ signature: String) throws
    {
        let keys = try DeviceKeys(
            signingSeed: SecretBytes(copying: #require(Hex.decode(seed))), sealingSeed: SecretBytes(count: 32),
            tlsKey: SecretBytes(count: 0))
        #expect(Hex.encode(keys.publicKeys.signingKey) == publicKey)
        #expect(Hex.encode(keys.sign(try #require(Hex.decode(message)))) == signature)
    }

    struct XWing: Decodable {
        struct Item: Decodable {
            let seed, ss, pk, ct: HexBytes
        }
        let vectors: [Item]
    }

    @Test func sealingKeysAndSecretsAgreeWithTheXWingDraft() throws {
        for item in try SchemaVectors.load("xwing", as: XWing.self).vectors {
            #expect(try Envelope.publicKey(of: item.seed.secret) == item.pk.bytes)
            let key = try XWingMLKEM768X25519.PrivateKey(seedRepresentation: item.seed.bytes, publicKey: nil)
            let secret = try key.decapsulate(Data(item.ct.bytes))
            #expect(secret.withUnsafeBytes { Array($0) } == item.ss.bytes)
        }
    }

    @Test func keysSurviveKeepingAndOpenUnderNoOtherKeyOrAfterAnyFlip() throws {
        let keys = try DeviceKeys.generate()
        let vaultKey = SecretBytes(random: 32)
        let sealed = keys.sealed(under: vaultKey)
        let again = try DeviceKeys(opening: sealed, vaultKey: vaultKey)
        #expect(again.publicKeys == keys.publicKeys)
        #expect(again.sign([1, 2, 3]) == keys.sign([1, 2, 3]))
        #expect(errorCode { _ = try DeviceKeys(opening: sealed, vaultKey: SecretBytes(random: 32)) } == "E-KEY-040")
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 0x10
            #expect(errorCode { _ = try DeviceKeys(opening: changed, vaultKey: vaultKey) } == "E-KEY-040")
            #expect(
                errorCode { _ = try DeviceKeys(opening: Array(sealed[..<place]), vaultKey: vaultKey) } == "E-KEY-040")
        }
    }

    @Test func theRecoveryWordsAreAlwaysTheSameDeviceAndHaveNoTLSKey() throws {
        let words = RecoveryWords(entropy: SecretBytes(copying: [UInt8](repeating: 5, count: 32)))
        let (one, other) = (try DeviceKeys(paper: words), try DeviceKeys(paper: words))
        #expect(one.publicKeys == other.publicKeys)
        #expect(one.publicKeys.isPaper)
        #expect(try one.tlsIdentity() == nil)
        let fresh = try DeviceKeys(paper: .random())
        #expect(fresh.publicKeys.id != one.publicKeys.id)
    }

    @Test func anEnvelopeOpensForItsDeviceAndItsPurposeOnly() throws {
        let (one, other) = (try keys(1), try keys(2))
        let key = SecretBytes(random: 32)
        let envelope = try Envelope.seal(key, to: one.publicKeys.sealingKey, info: [1])
        #expect(envelope.count == Envelope.byteCount)
        #expect(try one.open(envelope, info: [1]).exposed == key.exposed)
        #expect(errorCode { _ = try one.open(envelope, info: [2]) } == "E-KEY-041")
        #expect(errorCode { _ = try other.open(envelope, info: [1]) } == "E-KEY-041")
        for place in stride(from: 0, to: envelope.count, by: 37) {
            var changed = envelope
            changed[place] ^= 1
            #expect(errorCode { _ = try one.open(changed, info: [1]) } == "E-KEY-041")
        }
        for count in [0, 1, 1120, 1167, 1169] {
            #expect(errorCode { _ = try one.open([UInt8](repeating: 0, count: count), info: [1]) } == "E-KEY-041")
        }
        for count in [0, 32, 1215, 1216, 1217] {
            let sealingKey = [UInt8](repeating: 0xff, count: count)
            #expect(errorCode { _ = try Envelope.seal(key, to: sealingKey, info: []) } == "E-KEY-042")
        }
    }

    @Test func theCertificateCarriesTheKeyThatTheRecordNames() throws {
        let keys = try DeviceKeys.generate()
        let identity = try #require(try keys.tlsIdentity() as TLSIdentity?)
        #expect(identity.keyHash == keys.publicKeys.tlsKeyHash)
        let pem = identity.privateKeyPEM.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let key = try P256.Signing.PrivateKey(pemRepresentation: pem)
        let info = Array(key.publicKey.derRepresentation)
        #expect(AttuneCrypto.SHA256.hash(info).bytes == identity.keyHash)
        #expect(identity.certificate.firstRange(of: info) != nil)
    }
}

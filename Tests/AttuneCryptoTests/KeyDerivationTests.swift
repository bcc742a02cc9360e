// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import Testing

@Suite struct KeyDerivationTests {
    struct Vectors: Decodable {
        struct Argon2id: Decodable {
            let passphrase: String
            let salt: HexBytes
            let opslimit: UInt64
            let memlimit: UInt64
            let key: HexBytes
        }
        struct Subkeys: Decodable {
            struct Item: Decodable {
                let id: UInt64
                let context: String
                let subkey: HexBytes
            }
            let key: HexBytes
            let list: [Item]
        }
        struct Commitment: Decodable {
            let key: HexBytes
            let value: HexBytes
        }
        let argon2id: Argon2id
        let subkeys: Subkeys
        let commitment: Commitment
    }

    let vectors: Vectors
    init() throws { vectors = try SchemaVectors.load("vault-file") }

    @Test func argon2idAgreesWithTheVector() throws {
        let vector = vectors.argon2id
        let cost = PassphraseCost(opslimit: vector.opslimit, memlimit: vector.memlimit)
        #expect(cost == .moderate)
        let key = try PassphraseKDF.key(
            passphrase: SecretBytes(text: vector.passphrase), salt: vector.salt.bytes, cost: cost)
        #expect(key.exposed == vector.key.bytes)
    }

    @Test func subkeysAgreeWithTheVectors() {
        for item in vectors.subkeys.list {
            let subkey = KeyDerivation.subkey(of: vectors.subkeys.key.secret, id: item.id, context: item.context)
            #expect(subkey.exposed == item.subkey.bytes)
        }
    }

    @Test func personalStringsAgreeWithTheVector() {
        let digest = BLAKE2b.hash(vectors.commitment.key.bytes, personal: "AT-commit")
        #expect(digest.bytes == vectors.commitment.value.bytes)
    }

    @Test(arguments: [
        PassphraseCost(opslimit: 0, memlimit: 8192), PassphraseCost(opslimit: 11, memlimit: 8192),
        PassphraseCost(opslimit: 1, memlimit: 8191), PassphraseCost(opslimit: 1, memlimit: 1 << 30 + 1),
        PassphraseCost(opslimit: .max, memlimit: 4 << 40), PassphraseCost(opslimit: 1, memlimit: .max),
    ])
    func costsOutOfRangeAreRefused(_ cost: PassphraseCost) {
        let code = errorCode {
            _ = try PassphraseKDF.key(
                passphrase: SecretBytes(text: "x"), salt: [UInt8](repeating: 0, count: 16), cost: cost)
        }
        #expect(code == "E-KEY-005")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Testing

@Suite struct VaultFileTests {
    struct Vectors: Decodable {
        struct File: Decodable {
            let passphrase: String
            let recovery: String
            let vaultKey: HexBytes
            let vaultID: HexBytes
            let bytes: HexBytes
        }
        let vaultFile: File
    }

    let vector: Vectors.File
    init() throws { vector = try SchemaVectors.load("vault-file", as: Vectors.self).vaultFile }

    static func parse(_ bytes: [UInt8]) throws -> VaultFile {
        try bytes.withUnsafeBytes { try VaultFile(parsing: $0) }
    }

    @Test func aFileMadeElsewhereOpensByPassphraseAndByRecovery() throws {
        let file = try Self.parse(vector.bytes.bytes)
        #expect(file.vaultID == vector.vaultID.bytes)
        #expect(file.encoded() == vector.bytes.bytes)
        #expect(try file.unlock(passphrase: SecretBytes(text: vector.passphrase)).exposed == vector.vaultKey.bytes)
        let words = try RecoveryWords(words: vector.recovery)
        #expect(try file.unlock(recovery: words).exposed == vector.vaultKey.bytes)
    }

    @Test func theWrongPassphraseAndTheWrongWordsSaySo() throws {
        let file = try Self.parse(vector.bytes.bytes)
        do {
            _ = try file.unlock(passphrase: SecretBytes(text: "correct house"))
            Issue.record("a wrong passphrase opened the vault")
        } catch let error as CryptoError {
            #expect(error.code == "E-KEY-001")
            #expect(error.exitStatus == .wrongKey)
            #expect(!error.description.contains("house"))
        }
        #expect(errorCode { _ = try file.unlock(recovery: RecoveryWords.random()) } == "E-KEY-002")
    }

    @Test func everyFlippedBitIsRefusedOnBothWays() throws {
        let passphrase = SecretBytes(text: vector.passphrase)
        let words = try RecoveryWords(words: vector.recovery)
        for bit in 0..<vector.bytes.bytes.count * 8 {
            var bytes = vector.bytes.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            guard let file = try? Self.parse(bytes) else { continue }
            // A flip may raise the cost to a gigabyte, which the file may ask for; not for every test run.
            let isDear = file.slots.contains { ($0.cost?.memlimit ?? 0) > 1 << 20 }
            if !isDear { #expect(errorCode { _ = try file.unlock(passphrase: passphrase) } != nil, "bit \(bit)") }
            #expect(errorCode { _ = try file.unlock(recovery: words) } != nil, "bit \(bit)")
        }
    }

    @Test func everyTruncationAndEveryExtensionIsRefused() {
        let bytes = vector.bytes.bytes
        for count in 0..<bytes.count {
            #expect(errorCode { _ = try Self.parse(Array(bytes[..<count])) } == "E-KEY-004", "\(count) bytes")
        }
        #expect(errorCode { _ = try Self.parse(bytes + [0]) } == "E-KEY-004")
    }

    @Test func hostileCostsAndCountsAreRefusedBeforeAnyWork() {
        var costs = vector.bytes.bytes
        costs.replaceSubrange(32 + 12..<32 + 20, with: [0, 0, 4, 0, 0, 0, 0, 0])  // 4 TiB
        #expect(errorCode { _ = try Self.parse(costs) } == "E-KEY-005")
        costs = vector.bytes.bytes
        costs.replaceSubrange(32 + 4..<32 + 12, with: [UInt8](repeating: 255, count: 8))
        #expect(errorCode { _ = try Self.parse(costs) } == "E-KEY-005")
        for count: UInt32 in [0, 17, .max] {
            var bytes = vector.bytes.bytes
            withUnsafeBytes(of: count.bigEndian) { bytes.replaceSubrange(28..<32, with: $0) }
            #expect(errorCode { _ = try Self.parse(bytes) } == "E-KEY-004")
        }
    }

    @Test func aNewPassphraseReplacesTheOldOneAndKeepsKeyAndRecovery() throws {
        let key = SecretBytes(random: 32)
        let words = RecoveryWords.random()
        let first = try VaultFile.create(vaultKey: key, passphrase: SecretBytes(text: "first"), cost: .cheapest)
            .addingRecovery(words, vaultKey: key)
        let second = try first.replacingPassphrase(
            new: SecretBytes(text: "second"), vaultKey: key, cost: .cheapest)
        #expect(second.vaultID == first.vaultID)
        #expect(second.slots.map(\.kind) == [.passphrase, .recovery])
        let read = try Self.parse(second.encoded())
        #expect(try read.unlock(passphrase: SecretBytes(text: "second")).isEqual(to: key))
        #expect(try read.unlock(recovery: words).isEqual(to: key))
        #expect(errorCode { _ = try read.unlock(passphrase: SecretBytes(text: "first")) } == "E-KEY-001")
    }

    @Test func onlyTheOwnerOfTheKeyMayChangeSlots() throws {
        let file = try VaultFile.create(
            vaultKey: SecretBytes(random: 32), passphrase: SecretBytes(text: "p"), cost: .cheapest)
        let stranger = SecretBytes(random: 32)
        #expect(errorCode { _ = try file.addingRecovery(.random(), vaultKey: stranger) } == "E-KEY-007")
        let code = errorCode {
            _ = try file.replacingPassphrase(new: SecretBytes(text: "q"), vaultKey: stranger, cost: .cheapest)
        }
        #expect(code == "E-KEY-007")
    }

    @Test func newRecoveryWordsReplaceTheOldOnes() throws {
        let key = SecretBytes(random: 32)
        let old = RecoveryWords.random()
        let file = try VaultFile.create(vaultKey: key, passphrase: SecretBytes(text: "p"), cost: .cheapest)
            .addingRecovery(old, vaultKey: key).addingRecovery(.random(), vaultKey: key)
        #expect(file.slots.count == 2)
        #expect(errorCode { _ = try file.unlock(recovery: old) } == "E-KEY-002")
    }

    @Test func aSlotOfAnotherVaultDoesNotOpenHere() throws {
        let passphrase = SecretBytes(text: "same")
        let here = try VaultFile.create(vaultKey: SecretBytes(random: 32), passphrase: passphrase, cost: .cheapest)
        let there = try VaultFile.create(vaultKey: SecretBytes(random: 32), passphrase: passphrase, cost: .cheapest)
        var bytes = here.encoded()
        bytes.replaceSubrange(32..<192, with: there.encoded()[32..<192])
        let file = try Self.parse(bytes)
        #expect(errorCode { _ = try file.unlock(passphrase: passphrase) } == "E-KEY-003")
    }

    @Test func noSecretIsInTheFileInTheOpen() throws {
        let key = SecretBytes(random: 32)
        let bytes = try VaultFile.create(vaultKey: key, passphrase: SecretBytes(text: "sesame"), cost: .cheapest)
            .encoded()
        #expect(bytes.firstRange(of: key.exposed) == nil)
        #expect(bytes.firstRange(of: Array("sesame".utf8)) == nil)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import Testing

@Suite struct SecretBytesTests {
    @Test func aConsumedArrayIsEmptyAfterwards() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = SecretBytes(consuming: &bytes)
        #expect(bytes.isEmpty)
        #expect(secret.exposed == [1, 2, 3])
    }

    @Test func equalityLooksAtEveryByteAndAtTheCount() {
        let secret = SecretBytes(copying: [1, 2, 3])
        #expect(secret.isEqual(to: secret.copy()) == true)
        #expect(secret.isEqual(to: SecretBytes(copying: [1, 2, 4])) == false)
        #expect(secret.isEqual(to: SecretBytes(copying: [1, 2])) == false)
        #expect(SecretBytes(count: 0).isEqual(to: SecretBytes(copying: [])) == true)
    }

    @Test func aCopyIsIndependent() {
        let secret = SecretBytes(copying: [1, 2, 3])
        var other = secret.copy()
        other.withUnsafeMutableBytes { $0[0] = 9 }
        #expect(secret.exposed == [1, 2, 3])
        #expect(other.exposed == [9, 2, 3])
    }

    @Test func randomSecretsDifferAndFreshOnesAreZero() {
        #expect(SecretBytes(random: 32).isEqual(to: SecretBytes(random: 32)) == false)
        #expect(SecretBytes(count: 5).exposed == [0, 0, 0, 0, 0])
    }
}

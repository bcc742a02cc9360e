// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Crypto
import Foundation

/// What a TLS server or client of the local network needs: a key, and a certificate that only carries its public half.
///
/// Nobody checks the certificate but for the SHA-256 of its key, which the device chain names.
package final class TLSIdentity: Sendable {
    /// PKCS #8, PEM.
    package let privateKeyPEM: SecretBytes
    /// X.509, DER.
    package let certificate: [UInt8]
    /// SHA-256 of the subject public key info.
    package let keyHash: [UInt8]

    init(privateKeyPEM: consuming SecretBytes, certificate: [UInt8], keyHash: [UInt8]) {
        self.privateKeyPEM = privateKeyPEM
        self.certificate = certificate
        self.keyHash = keyHash
    }
}

/// A P-256 key as its 32 bytes.
enum TLSKey {
    static func generate() -> SecretBytes {
        var bytes = P256.Signing.PrivateKey().rawRepresentation
        return SecretBytes(consuming: &bytes)
    }

    /// SHA-256 of the subject public key info.
    static func hash(of key: borrowing SecretBytes) throws -> [UInt8] {
        SHA256.hash(Array(try privateKey(key).publicKey.derRepresentation)).bytes
    }

    static func identity(_ key: borrowing SecretBytes) throws -> TLSIdentity {
        let secret = try privateKey(key)
        var pem = Array(secret.pemRepresentation.utf8)
        return TLSIdentity(
            privateKeyPEM: SecretBytes(consuming: &pem), certificate: try SelfSignedCertificate.make(key: secret),
            keyHash: try hash(of: key))
    }

    private static func privateKey(_ key: borrowing SecretBytes) throws -> P256.Signing.PrivateKey {
        do {
            return try key.withUnsafeBytes { try P256.Signing.PrivateKey(rawRepresentation: $0) }
        } catch {
            throw CryptoError.deviceKeysDamaged
        }
    }
}

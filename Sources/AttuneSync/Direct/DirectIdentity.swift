// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import NIOCore
import NIOSSL

/// What a device shows of itself on the local network: its P-256 key and the certificate over it.
package struct DirectIdentity: Sendable {
    private let certificate: NIOSSLCertificate
    private let key: NIOSSLPrivateKey

    package init(_ identity: borrowing TLSIdentity) throws {
        certificate = try NIOSSLCertificate(bytes: identity.certificate, format: .der)
        key = try identity.privateKeyPEM.withUnsafeBytes { try NIOSSLPrivateKey(bytes: Array($0), format: .pem) }
    }

    /// TLS 1.3 for the device that serves; who connects has to show a certificate too.
    package var server: TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .noHostnameVerification
        return configuration
    }

    /// TLS 1.3 for the device that connects to a server whose certificate has been compared already.
    package func client(trusting server: NIOSSLCertificate) -> TLSConfiguration {
        var configuration = probing
        configuration.trustRoots = .certificates([server])
        configuration.certificateVerification = .noHostnameVerification
        return configuration
    }

    /// TLS 1.3 for a connection whose server is compared by other means.
    var probing: TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateChain = [.certificate(certificate)]
        configuration.privateKey = .privateKey(key)
        return configuration
    }

    /// The hash by which device records name the key of a certificate; nil if it has none that can be named.
    package static func keyHash(of certificate: NIOSSLCertificate) -> Digest256? {
        guard let bytes = try? certificate.extractPublicKey().toSPKIBytes() else { return nil }
        return SHA256.hash(bytes)
    }
}

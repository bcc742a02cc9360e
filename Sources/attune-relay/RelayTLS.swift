// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneRelay
import HummingbirdTLS
import NIOSSL

/// TLS 1.3 from certificate files.
enum RelayTLS {
    /// - Throws: `RelayProcessError` E-RELAY-039.
    static func configuration(certificate: String, key: String) throws -> TLSChannelConfiguration {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificate)
        } catch {
            throw RelayProcessError.file(certificate, "no certificate in PEM form")
        }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw RelayProcessError.file(key, "no private key in PEM form")
        }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        tls.minimumTLSVersion = .tlsv13
        return TLSChannelConfiguration(tlsConfiguration: tls)
    }
}

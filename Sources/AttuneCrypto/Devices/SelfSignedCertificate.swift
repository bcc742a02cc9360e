// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Crypto
import Foundation

/// The least X.509 certificate (RFC 5280) around a P-256 key, in DER.
enum SelfSignedCertificate {
    /// A certificate of the name `attune`, valid from 1970 to 9999: what counts is the key, which the circle revokes.
    static func make(key: P256.Signing.PrivateKey) throws -> [UInt8] {
        let publicKey = Array(key.publicKey.derRepresentation)
        let algorithm = sequence([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])
        let commonName = item(0x06, [0x55, 0x04, 0x03]) + item(0x0c, Array("attune".utf8))
        let name = sequence(item(0x31, sequence(commonName)))
        let validity = sequence(
            item(0x17, Array("700101000000Z".utf8)) + item(0x18, Array("99991231235959Z".utf8)))
        // The serial number is positive and follows from the key, so two devices never share one.
        let serial = [0x01] + SHA256.hash(publicKey).bytes.prefix(15)
        let body = sequence(
            item(0xa0, item(0x02, [0x02])) + item(0x02, serial) + algorithm + name + validity + name + publicKey)
        let signature = Array(try key.signature(for: body).derRepresentation)
        return sequence(body + algorithm + item(0x03, [0x00] + signature))
    }

    private static func sequence(_ content: [UInt8]) -> [UInt8] { item(0x30, content) }

    private static func item(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        precondition(content.count < 1 << 16)
        let length: [UInt8] =
            switch content.count {
            case ..<128: [UInt8(content.count)]
            case ..<256: [0x81, UInt8(content.count)]
            default: [0x82, UInt8(content.count >> 8), UInt8(content.count & 255)]
            }
        return [tag] + length + content
    }
}

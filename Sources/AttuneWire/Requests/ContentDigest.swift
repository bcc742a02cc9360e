// Attune
// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The field `Content-Digest` (RFC 9530) with SHA-512, which every signed request has, an empty body too.
package enum ContentDigest {
    /// The field of a body.
    package static func field(body: [UInt8]) -> String { field(sha512: WireHash.sha512(body)) }

    /// The field of a body whose SHA-512 is known.
    package static func field(sha512: [UInt8]) -> String { "sha-512=:\(Data(sha512).base64EncodedString()):" }

    /// The SHA-512 in a field, which may name other digests beside it.
    static func sha512(in field: String) -> [UInt8]? {
        guard let digest = StructuredField.byteSequence("sha-512", in: field), digest.count == 64 else { return nil }
        return digest
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation

/// The signature of an HTTP request by a device (RFC 9421), under the label `attune`.
///
/// Signed are method, authority, path, query and content digest; the parameters are created, nonce, keyid (the device),
/// alg and tag. The path is the one below the relay's configured base path.
package struct RequestSignature: Sendable, Equatable {
    /// Seconds since 1970 by the device's clock, corrected by the offset that the relay told.
    package let created: UInt64
    /// 16 random bytes, remembered by the relay so that a request cannot be sent twice.
    package let nonce: [UInt8]
    package let device: DeviceID

    package init(created: UInt64, nonce: [UInt8], device: DeviceID) {
        precondition(nonce.count == 16)
        self.created = created
        self.nonce = nonce
        self.device = device
    }

    /// The components that are signed, in their order.
    static let components = "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\")"

    /// The value of `@signature-params`: components and parameters as they stand in `Signature-Input`.
    package var parameters: String {
        let nonce = Data(nonce).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
        return
            "\(Self.components);created=\(created);nonce=\"\(nonce)\";keyid=\"\(device)\";alg=\"ed25519\";tag=\"attune-v1\""
    }

    /// The signature base (RFC 9421 §2.5): what Ed25519 signs.
    ///
    /// - Parameters:
    ///   - authority: host, and port if it is not the scheme's own; upper case is lowered.
    ///   - query: without its question mark; nil and empty are the same.
    ///   - contentDigest: the field `Content-Digest`.
    ///   - parameters: the value of `@signature-params`.
    package static func base(
        method: String, authority: String, path: String, query: String?, contentDigest: String, parameters: String
    ) -> [UInt8] {
        let lines = [
            "\"@method\": \(method)", "\"@authority\": \(authority.lowercased())", "\"@path\": \(path)",
            "\"@query\": ?\(query ?? "")", "\"content-digest\": \(contentDigest)",
            "\"@signature-params\": \(parameters)",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// The three fields that make a request signed: `Content-Digest`, `Signature-Input`, `Signature`.
    ///
    /// - Parameters:
    ///   - body: all bytes of the body; empty if there is none.
    ///   - sign: gives the device's Ed25519 signature, 64 bytes.
    /// - Throws: what `sign` throws.
    package func fields(
        method: String, authority: String, path: String, query: String?, body: [UInt8],
        sign: ([UInt8]) throws -> [UInt8]
    ) throws -> [(name: String, value: String)] {
        let digest = ContentDigest.field(body: body)
        let base = Self.base(
            method: method, authority: authority, path: path, query: query, contentDigest: digest,
            parameters: parameters)
        let signature = Data(try sign(base)).base64EncodedString()
        return [
            ("Content-Digest", digest), ("Signature-Input", "attune=\(parameters)"),
            ("Signature", "attune=:\(signature):"),
        ]
    }
}

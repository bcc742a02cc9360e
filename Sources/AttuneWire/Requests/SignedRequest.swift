// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
internal import Foundation

/// The three fields of a signed request as they were received.
package struct SignedRequest: Sendable, Equatable {
    /// Whose key the request claims to be signed with.
    package let device: DeviceID
    /// Seconds since 1970 by the device's clock; the caller judges it by its own.
    package let created: UInt64
    /// 16 bytes; the caller remembers those of the last minutes.
    package let nonce: [UInt8]
    /// SHA-512 that the body has to have.
    package let contentSHA512: [UInt8]
    private let digestField: String
    private let parameters: String
    private let signature: [UInt8]

    /// Parses the fields; neither signature nor body is checked.
    ///
    /// - Parameter field: the value of a field by its lower-case name, several of one name joined by commas.
    /// - Throws: `WireError` E-WIRE-020.
    package init(fields field: (String) -> String?) throws {
        guard let digestField = field("content-digest") else { throw WireError.request("no Content-Digest") }
        guard let input = field("signature-input"), let signatures = field("signature") else {
            throw WireError.request("no Signature-Input or Signature")
        }
        guard let digest = ContentDigest.sha512(in: digestField) else {
            throw WireError.request("Content-Digest has no sha-512")
        }
        guard let signature = StructuredField.byteSequence("attune", in: signatures), signature.count == 64 else {
            throw WireError.request("no signature of the label attune")
        }
        guard let parameters = StructuredField.member("attune", of: input),
            parameters.hasPrefix(RequestSignature.components),
            let values = StructuredField.parameters(parameters.dropFirst(RequestSignature.components.count))
        else { throw WireError.request("other components are signed") }
        guard Set(values.keys) == ["created", "nonce", "keyid", "alg", "tag"], values["alg"] == "ed25519",
            values["tag"] == "attune-v1", let created = values["created"].flatMap({ UInt64($0) }),
            let device = values["keyid"].flatMap({ DeviceID(hex: $0) }),
            let nonce = values["nonce"].flatMap(Self.nonce)
        else { throw WireError.request("other parameters") }
        self.device = device
        self.created = created
        self.nonce = nonce
        contentSHA512 = digest
        self.digestField = digestField
        self.parameters = parameters
        self.signature = signature
    }

    /// Checks the signature over this request line.
    ///
    /// - Throws: `WireError` E-WIRE-022.
    package func verify(method: String, authority: String, path: String, query: String?, signingKey: [UInt8]) throws {
        for part in [method, authority, path, query ?? ""] {
            guard part.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw WireError.requestSignature }
        }
        let base = RequestSignature.base(
            method: method, authority: authority, path: path, query: query, contentDigest: digestField,
            parameters: parameters)
        guard WireHash.verify(signature, of: base, by: signingKey) else { throw WireError.requestSignature }
    }

    /// Checks the body against the digest that was signed.
    ///
    /// - Throws: `WireError` E-WIRE-021.
    package func check(body: [UInt8]) throws {
        guard WireHash.sha512(body) == contentSHA512 else { throw WireError.contentDigest }
    }

    /// Whether `created` is within ±300 s of a clock, in seconds since 1970.
    package func isTimely(at now: UInt64) -> Bool {
        (created > now ? created - now : now - created) <= WireLimits.clockSkew
    }

    private static func nonce(_ text: String) -> [UInt8]? {
        guard text.utf8.count == 22 else { return nil }
        let standard = text.replacing("-", with: "+").replacing("_", with: "/") + "=="
        guard let bytes = Data(base64Encoded: standard), bytes.count == 16 else { return nil }
        return Array(bytes)
    }
}

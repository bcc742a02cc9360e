// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Foundation

/// The files of `schemas/vectors` about messages; bytes are hexadecimal digits. Those in `from-python` are made by
/// `tools/check-vectors`, the others by `WireVectorTests` with ATTUNE_WRITE=1.
enum WireVectors {
    struct Device: Codable {
        let name, signingSeed, sealingSeed, tlsKey, id: String
        /// Its TLS certificate, DER; only in the file that Swift makes.
        var certificate: String?
    }

    /// Something that is no good, and the code it is refused with.
    struct Refused: Codable {
        /// How many of the links before are taken first.
        let after: Int
        let bytes, code: String
    }

    struct Links: Codable {
        let devices: [Device]
        /// The 32 bytes of the recovery words, and of those in whose place they came.
        let recovery, formerRecovery: String
        let paper, circle, head: String
        /// Keys of the epochs, from 1.
        let epochs: [String]
        let links: [String]
        /// Names of the active devices by id.
        let names: [String: String]
        let refused: [Refused]
    }

    struct Entry: Codable {
        let bytes, hash, device, payload: String
    }

    struct Entries: Codable {
        let links, epochs: [String]
        let entries: [Entry]
        let refused: [Refused]
    }

    struct Request: Codable {
        let method, authority, path: String
        let query: String?
        let body: String
        let created: UInt64
        let nonce, contentDigest, signatureInput, signature: String
        /// Nil for a good one.
        var code: String?
    }

    struct Requests: Codable {
        let signingSeed, sealingSeed, device: String
        let requests: [Request]
    }

    struct Message: Codable {
        /// `old` or `new`.
        let from: String
        let phase: UInt8
        let plaintext, sealed: String
    }

    struct Pairing: Codable {
        let code, authority: String
        let oldNonce, newNonce, oldScalar, newScalar, oldRecord, newRecord: String
        let oldShare, newShare, oldConfirmation, newConfirmation: String
        let checkWords: String
        let messages: [Message]
        let circles: [String]
        let safetyNumber: String
        /// The list that words are taken from; only in the file that Swift makes.
        let words: [String]?
    }

    /// The names of a kind of vectors: the one that Swift made and the one that Python made.
    static func both(_ name: String) -> [String] { [name, "from-python/\(name)"] }

    static let isWriting = ProcessInfo.processInfo.environment["ATTUNE_WRITE"] == "1"

    static func write(_ value: some Encodable, to name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let file = TestBase.tests.deletingLastPathComponent().appending(path: "schemas/vectors/\(name).json")
        try (encoder.encode(value) + [10]).write(to: file)
    }

    static func bytes(_ hex: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(hex) else { throw CocoaError(.coderReadCorrupt) }
        return bytes
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import Testing

/// Reads the vectors of `schemas/vectors`.
enum SchemaVectors {
    static func load<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        let file = TestBase.tests.deletingLastPathComponent().appending(path: "schemas/vectors/\(name).json")
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }

    /// The content that the vectors of chunks and files are made of.
    static func content(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) } }
}

/// Bytes written as hexadecimal digits.
struct HexBytes: Decodable {
    let bytes: [UInt8]

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        bytes = try #require(Hex.decode(text))
    }

    var secret: SecretBytes { SecretBytes(copying: bytes) }
}

extension SecretBytes {
    /// The bytes in the open, for comparing in tests.
    var exposed: [UInt8] { withUnsafeBytes { Array($0) } }

    init(text: String) { self.init(copying: Array(text.utf8)) }
}

extension PassphraseCost {
    /// The cheapest that the library takes: one pass over 8 KiB.
    static let cheapest = PassphraseCost(opslimit: 1, memlimit: 8192)
}

/// The code of the `CryptoError` that `body` throws; nil if it throws none.
func errorCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? CryptoError)?.code ?? "\(error)"
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Reads the vectors of `schemas/vectors`.
package enum SchemaVectors {
    /// The vectors of one page, `name` without `.json`.
    package static func load<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        let file = TestBase.tests.deletingLastPathComponent().appending(path: "schemas/vectors/\(name).json")
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }

    /// The content that the vectors of chunks and files are made of.
    package static func content(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
    }
}

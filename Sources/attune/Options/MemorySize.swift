// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

/// Reads the value of `--memory-limit` in bytes.
///
/// - Throws: `ValidationError` for anything that is no size.
func memorySize(_ text: String) throws -> Int {
    guard let bytes = Quantity.bytes(text) else {
        throw ValidationError("--memory-limit takes a size such as 4G; not \(text)")
    }
    return bytes
}

/// Reads the value of `--trunk-cache` in bytes; 0 is one.
///
/// - Throws: `ValidationError` for anything that is no size.
func diskSize(_ text: String) throws -> Int {
    guard let bytes = text == "0" ? 0 : Quantity.bytes(text) else {
        throw ValidationError("--trunk-cache takes a size such as 2G, or 0; not \(text)")
    }
    return bytes
}

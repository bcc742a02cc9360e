// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore

/// A safetensors file: its header, and that every tensor lies inside the file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    do {
        let file = try SafetensorsFile(UnsafeRawBufferPointer(start: data, count: count))
        for entry in file.entries {
            precondition(entry.range.lowerBound >= 8 && entry.range.upperBound <= count)
            precondition(file[entry.name] != nil && entry.shape.reduce(1, *) == entry.count)
        }
    } catch {
        precondition(!error.code.isEmpty && !error.message.isEmpty)
    }
    return 0
}

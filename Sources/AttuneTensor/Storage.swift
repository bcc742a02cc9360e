// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Memory for numbers, aligned to 64 bytes, zeroed at birth and freed with its last owner.
package final class Storage<Element: BitwiseCopyable>: @unchecked Sendable {  // users keep writers apart by row ranges
    /// Bytes of a large page; from here on memory is made of them, but for what is left over at its end.
    package static var hugePage: Int { 2 << 20 }

    package let count: Int
    package let base: UnsafeMutablePointer<Element>

    package init(count: Int) {
        precondition(count >= 0, "count \(count)")
        let bytes = max(64, count * MemoryLayout<Element>.stride)
        // Pages of 2 MiB, where there are any to be had: walking small ones halves the speed of reading.
        let hugePage = Self.hugePage
        let isLarge = bytes >= hugePage
        // aligned_alloc wants a multiple of 64.
        guard let raw = aligned_alloc(isLarge ? hugePage : 64, (bytes + 63) / 64 * 64) else {
            preconditionFailure("out of memory: \(bytes) bytes")
        }
        if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
        memset(raw, 0, bytes)
        self.count = count
        base = raw.bindMemory(to: Element.self, capacity: max(1, count))
    }

    deinit { free(base) }
}

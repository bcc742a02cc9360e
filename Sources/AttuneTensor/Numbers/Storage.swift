// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Memory for numbers, aligned to 64 bytes, zeroed at birth and freed with its last owner.
package final class Storage<Element: BitwiseCopyable>: @unchecked Sendable {  // users keep writers apart by row ranges
    /// Bytes of a large page; from here on memory is made of them, but for what is left over at its end.
    package static var hugePage: Int { 2 << 20 }

    package let count: Int
    package let base: UnsafeMutablePointer<Element>

    /// Memory whose size was planned before; the process ends if there is none.
    package init(count: Int) {
        precondition(count >= 0, "count \(count)")
        guard let base = Self.allocate(count) else { preconditionFailure("out of memory for \(count) numbers") }
        self.count = count
        self.base = base
    }

    /// Memory whose size somebody else has chosen; nil if there is none.
    package init?(fitting count: Int) {
        guard count >= 0, let base = Self.allocate(count) else { return nil }
        self.count = count
        self.base = base
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Element>? {
        let (product, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, product <= Int.max - 64 else { return nil }
        let bytes = max(64, product)
        // Pages of 2 MiB, if there are any to be had: walking small ones halves the speed of reading.
        let isLarge = bytes >= hugePage
        // aligned_alloc wants a multiple of 64.
        guard let raw = aligned_alloc(isLarge ? hugePage : 64, (bytes + 63) / 64 * 64) else { return nil }
        if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
        memset(raw, 0, bytes)
        return raw.bindMemory(to: Element.self, capacity: max(1, count))
    }

    deinit { free(base) }
}

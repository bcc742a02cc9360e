// Attune
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Asks for memory before an array does: Swift ends the process where an array gets none.
enum Room {
    /// Bytes that this process may have at all: the machine's memory, or less where a limit is set on its addresses.
    static var all: Int {
        let (bytes, overflow) = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(
            by: sysconf(Int32(_SC_PAGESIZE)))
        var limit = rlimit()
        let isLimited = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
        return min(overflow ? .max : max(bytes, 0), isLimited ? Int(clamping: limit.rlim_cur) : .max)
    }

    /// Passes if the system gives so much memory at once.
    ///
    /// - Throws: `VaultError` E-MEMORY-003.
    static func require(_ bytes: Int) throws {
        guard bytes > 0 else { return }
        // Not malloc: a compiler may take a pair of malloc and free away.
        let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard memory != MAP_FAILED else { throw VaultError.noMemory(bytes) }
        munmap(memory, bytes)
    }
}

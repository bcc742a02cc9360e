// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import Foundation
import Testing

@Suite struct ProcessHardeningTests {
    // In a process of its own, because nothing takes the steps back.
    @Test func aHardenedProcessDumpsNoCoreAndKeepsItsFilesToItself() async {
        await #expect(processExitsWith: .exitCode(7)) {
            guard ProcessHardening.apply() else { exit(1) }
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0, limit.rlim_max == 0 else {
                exit(2)
            }
            guard umask(0) == 0o077 else { exit(3) }
            // The kernel hides what belongs to a process that cannot be dumped.
            var status = stat()
            guard stat("/proc/self/mem", &status) == 0, status.st_uid == 0 else { exit(4) }
            exit(7)
        }
    }
}

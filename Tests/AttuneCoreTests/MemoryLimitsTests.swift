// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import Testing

@Suite struct MemoryLimitsTests {
    private func files(_ files: [String: String]) throws -> TemporaryDirectory {
        let folder = try TemporaryDirectory()
        try folder.write("MemTotal: 9 kB\nMemAvailable:    1000 kB\n", to: "proc/meminfo")
        try folder.write("Name: x\nVmRSS:\t  12 kB\n", to: "proc/self/status")
        for (name, text) in files { try folder.write(text, to: name) }
        return folder
    }

    @Test func aGroupBelowTheAskedLimitDecides() throws {
        let limits = MemoryLimits(available: 1000, isLimitedByGroup: true)
        #expect(limits.limited(to: nil).asked == nil)
        #expect(limits.limited(to: nil).available == 1000)
        #expect(limits.limited(to: 5000).available == 1000)
        #expect(limits.limited(to: 200).available == 200)
        #expect(limits.limited(to: 200).limited(to: nil).available == 200)
    }

    @Test func withoutGroupsTheMachineDecides() throws {
        let folder = try files([:])
        let limits = withExtendedLifetime(folder) { MemoryLimits.current(root: folder.path) }
        #expect(limits.available == 1_024_000)
        #expect(limits.resident == 12_288)
        #expect(!limits.isLimitedByGroup)
    }

    @Test func theTightestGroupOfVersion2Decides() throws {
        let folder = try files([
            "proc/self/cgroup": "0::/user/app\n",
            "sys/fs/cgroup/user/app/memory.max": "max\n", "sys/fs/cgroup/user/app/memory.current": "1\n",
            "sys/fs/cgroup/user/memory.max": "500000\n", "sys/fs/cgroup/user/memory.current": "300000\n",
            "sys/fs/cgroup/user/memory.stat": "anon 200000\ninactive_file 50000\n",
        ])
        let limits = withExtendedLifetime(folder) { MemoryLimits.current(root: folder.path) }
        #expect(limits.available == 250_000)
        #expect(limits.isLimitedByGroup)
    }

    @Test func groupsOfVersion1Count() throws {
        let folder = try files([
            "proc/self/cgroup": "5:cpu,memory:/box\n3:pids:/\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "400000\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "100000\n",
        ])
        let limits = withExtendedLifetime(folder) { MemoryLimits.current(root: folder.path) }
        #expect(limits.available == 300_000)
    }

    @Test func oddFilesAreNoLimit() throws {
        let folder = try files([
            "proc/self/cgroup": "nonsense\n0::/../../etc\n:::\n", "sys/fs/cgroup/memory.max": "-5\n",
            "sys/fs/cgroup/memory.current": "x",
        ])
        let limits = withExtendedLifetime(folder) { MemoryLimits.current(root: folder.path) }
        #expect(limits.available == 1_024_000)
    }

    @Test func thisProcessHasMemory() {
        let limits = MemoryLimits.current()
        #expect(limits.available > 1 << 20)
        #expect(limits.resident > 1 << 20)
    }
}

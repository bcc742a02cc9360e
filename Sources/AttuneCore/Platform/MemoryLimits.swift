// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How much memory this process may still take: what the system has, and what its control groups allow.
package struct MemoryLimits: Hashable, Sendable {
    /// Bytes that can be had without swapping.
    package let free: Int
    /// The most that a person allows, if somebody did.
    package private(set) var asked: Int?
    /// Bytes that the process occupies now.
    package let resident: Int
    /// Whether a control group, and not the machine, sets the limit.
    package let isLimitedByGroup: Bool

    /// Bytes that may be used.
    package var available: Int { min(free, asked ?? .max) }

    package init(available: Int, resident: Int = 0, isLimitedByGroup: Bool = false) {
        free = available
        self.resident = resident
        self.isLimitedByGroup = isLimitedByGroup
    }

    /// The same limits, with at most `bytes` to be used; nil changes nothing.
    package func limited(to bytes: Int?) -> MemoryLimits {
        var limits = self
        limits.asked = bytes ?? asked
        return limits
    }

    /// Reads `/proc` and `/sys` below `root`; files that are missing or odd count as no limit.
    package static func current(root: String = "/") -> MemoryLimits {
        let base = root.hasSuffix("/") ? String(root.dropLast()) : root
        let machine = field("MemAvailable", of: base + "/proc/meminfo") ?? Int.max
        let group = groupRoom(base)
        return MemoryLimits(
            available: min(machine, group ?? Int.max), resident: resident(base),
            isLimitedByGroup: (group ?? Int.max) < machine)
    }

    /// Resident bytes of this process.
    package static func resident(_ root: String = "") -> Int {
        field("VmRSS", of: root + "/proc/self/status") ?? 0
    }

    /// Lets `peak` begin anew from what is resident now, if the kernel has that.
    package static func forgetPeak() { try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs")) }

    /// The most bytes of this process that were resident since `forgetPeak`, or ever; 0 if the kernel does not say.
    package static func peak() -> Int { field("VmHWM", of: "/proc/self/status") ?? 0 }

    /// The least room of all control groups that this process is in, for version 2 and version 1.
    private static func groupRoom(_ root: String) -> Int? {
        guard let groups = text(root + "/proc/self/cgroup") else { return nil }
        var rooms: [Int] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0", parts[1].isEmpty {
                rooms += chain(root + "/sys/fs/cgroup", parts[2], "memory.max", "memory.current", "inactive_file")
            } else if parts[1].split(separator: ",").contains("memory") {
                rooms += chain(
                    root + "/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes",
                    "total_inactive_file")
            }
        }
        return rooms.min()
    }

    /// Limit − usage + page cache that can be dropped, for a group and everything above it.
    private static func chain(
        _ mount: String, _ path: Substring, _ limitName: String, _ usageName: String, _ cacheName: String
    ) -> [Int] {
        var rooms: [Int] = []
        var components = path.split(separator: "/").filter { $0 != ".." && $0 != "." }.prefix(64)
        while true {
            let folder = ([mount] + components.map(String.init)).joined(separator: "/")
            if let limit = number(folder + "/" + limitName), let usage = number(folder + "/" + usageName) {
                let cache = statistic(cacheName, of: folder + "/memory.stat") ?? 0
                rooms.append(max(0, limit - max(0, usage - cache)))
            }
            if components.isEmpty { return rooms }
            components.removeLast()
        }
    }

    /// Kernel files are small; anything else is not one.
    private static func text(_ path: String) -> String? {
        guard let handle = FileHandle(forReadingAtPath: path),
            let data = try? handle.read(upToCount: 1 << 16)
        else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// `max`, or more than a machine can have, means no limit.
    private static func number(_ path: String) -> Int? {
        guard let text = text(path), let value = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            value >= 0, value < 1 << 60
        else { return nil }
        return value
    }

    /// A line `name value` of `memory.stat`.
    private static func statistic(_ name: String, of path: String) -> Int? {
        for line in text(path)?.split(separator: "\n") ?? [] where line.hasPrefix(name + " ") {
            return Int(line.dropFirst(name.count + 1))
        }
        return nil
    }

    /// A line `name:   value kB`, in bytes.
    private static func field(_ name: String, of path: String) -> Int? {
        for line in text(path)?.split(separator: "\n") ?? [] where line.hasPrefix(name + ":") {
            guard let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
                kilobytes >= 0, kilobytes < 1 << 50
            else { return nil }
            return kilobytes * 1024
        }
        return nil
    }
}

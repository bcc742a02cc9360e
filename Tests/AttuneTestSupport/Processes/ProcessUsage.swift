// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a process takes, as the kernel counts it; 0 where that cannot be read.
package struct ProcessUsage {
    private let folder: String

    /// - Parameter process: this one by default.
    package init(_ process: Int32? = nil) { folder = "/proc/" + (process.map(String.init) ?? "self") }

    /// Bytes in memory.
    package var residentBytes: Int { status("VmRSS:") }

    /// Most bytes that were in memory since the start, or since `resetPeak`.
    package var peakBytes: Int { status("VmHWM:") }

    /// Seconds on a processor, of all threads.
    package var processorSeconds: Double {
        guard let text = try? String(contentsOfFile: folder + "/stat", encoding: .utf8),
            let name = text.lastIndex(of: ")")
        else { return 0 }
        // Fields 14 and 15, counted from the one behind the name.
        let fields = text[name...].split(separator: " ").dropFirst()
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
        return ticks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Forgets the peak so far.
    package func resetPeak() { try? "5".write(toFile: folder + "/clear_refs", atomically: false, encoding: .utf8) }

    private func status(_ field: String) -> Int {
        guard let status = try? String(contentsOfFile: folder + "/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(field) })
        else { return 0 }
        return (Int(line.split(whereSeparator: { !$0.isNumber }).first ?? "") ?? 0) * 1024
    }
}

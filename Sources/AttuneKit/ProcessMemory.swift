// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the kernel says about the memory of this process.
package enum ProcessMemory {
    /// The most resident bytes the process ever had (`VmHWM`); 0 where the kernel does not say.
    package static var peak: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
        }
        return 0
    }
}

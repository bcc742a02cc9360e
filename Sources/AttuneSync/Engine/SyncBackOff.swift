// Attune
// SPDX-License-Identifier: Apache-2.0

/// Waiting times after failures: doubling from one second to a ceiling, between half and all of it by chance.
///
/// A value of its seed: the same seed gives the same times.
package struct SyncBackOff: Sendable {
    private var state: UInt64
    private let longest: Int
    package private(set) var failures = 0

    /// - Parameter longest: the ceiling in milliseconds, at least a second; five minutes by default.
    package init(seed: UInt64, longest: Int = 300_000) {
        state = seed
        self.longest = max(longest, 1000)
    }

    /// Milliseconds to wait after one more failure.
    package mutating func next() -> Int {
        let ceiling = min(1000 << min(failures, 9), longest)
        failures += 1
        return ceiling / 2 + Int(random() % UInt64(ceiling / 2 + 1))
    }

    /// Something went well.
    package mutating func reset() { failures = 0 }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

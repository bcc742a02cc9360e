// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Foundation
import Testing

/// What an own device in the wrong hands can do, under all faults: once it is shut out nothing of it is left.
@Suite struct CulpritTests {
    /// Those that sync lives through.
    static let survived: [Misdeed] = [.floods, .renames]

    static func check(_ seeds: Range<UInt64>, _ misdeeds: [Misdeed]) {
        for seed in seeds {
            do {
                try Simulation(seed: seed).run(with: misdeeds)
            } catch {
                Issue.record("seed \(seed), a device that \(misdeeds.map(\.rawValue)): \(error)")
            }
        }
    }

    @Test(arguments: survived) func nothingIsLeftOfWhatADeviceDidOnceItIsShutOut(misdeed: Misdeed) {
        Self.check(0..<25, [misdeed])
    }
}

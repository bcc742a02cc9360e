// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels
import Foundation

/// Random numbers that are a function of a key and a counter, without state: SplitMix64's finaliser twice.
///
/// A stream is named by a seed and a path, such as (seed, step, layer), so that no two uses share numbers and a run can
/// be taken up again at any point.
package struct RandomStream: Sendable, Codable, Hashable {
    let key: UInt64

    package init(seed: UInt64, path: UInt64...) {
        key = path.reduce(attune_mix(seed &+ 0x9E37_79B9_7F4A_7C15)) { Self.key($0, $1) }
    }

    private init(key: UInt64) { self.key = key }

    private static func key(_ parent: UInt64, _ name: UInt64) -> UInt64 {
        attune_mix(parent ^ attune_mix(name &+ 0xD1B5_4A32_D192_ED03))
    }

    /// 64 bits.
    package func bits(at counter: UInt64) -> UInt64 { attune_random_bits(key, counter) }

    /// In [0, 1), a multiple of 2⁻⁵³.
    package func uniform(at counter: UInt64) -> Double { Double(bits(at: counter) >> 11) * 0x1p-53 }

    /// Mean 0, variance 1 (Box and Muller).
    package func normal(at counter: UInt64) -> Double {
        let radius = (-2 * log(1 - uniform(at: counter))).squareRoot()
        // The angle comes from bits of its own, so that every counter gives one number.
        let angle = Double(attune_random_bits(~key, counter) >> 11) * 0x1p-53
        return radius * cos(2 * .pi * angle)
    }

    /// A stream of its own under this one.
    package func child(_ name: UInt64) -> RandomStream { RandomStream(key: Self.key(key, name)) }
}

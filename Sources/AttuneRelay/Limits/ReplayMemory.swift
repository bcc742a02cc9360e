// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Synchronization

/// Remembers nonces of signed requests, so that a request that was recorded is not taken again.
///
/// What is forgotten at a restart does no harm: every change is idempotent.
final class ReplayMemory: Sendable {
    private struct Use: Hashable {
        let device: DeviceID
        let nonce: String
    }
    private struct State {
        var recent: Set<Use> = []
        var older: Set<Use> = []
        var turned: Int64 = 0
    }
    private let state = Mutex(State())
    private let seconds: Int64
    /// Nonces of one generation; beyond, the older generation goes early.
    private static let limit = 1_000_000

    init(seconds: Int64) { self.seconds = seconds }

    /// True the first time that the device uses the nonce.
    func remember(_ nonce: String, of device: DeviceID, now: Int64) -> Bool {
        let use = Use(device: device, nonce: nonce)
        return state.withLock { state in
            if now - state.turned >= seconds || state.recent.count >= Self.limit {
                state.older = state.recent
                state.recent = []
                state.turned = now
            }
            guard !state.older.contains(use) else { return false }
            return state.recent.insert(use).inserted
        }
    }
}

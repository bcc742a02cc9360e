// Attune
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A wish to stop, set from any thread or signal handler and read by long work after every step.
package final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    package init() {}

    /// The work finishes its step, saves and returns.
    package func request() { flag.store(true, ordering: .relaxed) }

    package var isRequested: Bool { flag.load(ordering: .relaxed) }
}

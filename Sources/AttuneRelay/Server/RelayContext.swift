// Attune
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import Synchronization

/// What belongs to one request: its connection, and how far its body was read.
struct RelayContext: RequestContext {
    /// Set once the whole body was read.
    final class BodyState: Sendable {
        private let isRead = Mutex(false)
        var wasRead: Bool { isRead.withLock { $0 } }
        func markRead() { isRead.withLock { $0 = true } }
    }

    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    let body = BodyState()

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

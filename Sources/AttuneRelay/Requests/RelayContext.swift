// Attune
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import Synchronization

/// What belongs to one request: its connection, and what it takes of the server until its answer is under way.
struct RelayContext: RequestContext {
    /// How far the body was read, and the memory that it takes.
    final class BodyState: Sendable {
        private struct State {
            var wasRead = false
            var share: ByteBudget.Share?
        }
        private let state = Mutex(State())
        /// Whether the whole body was read.
        var wasRead: Bool { state.withLock { $0.wasRead } }
        func markRead() { state.withLock { $0.wasRead = true } }
        func hold(_ share: ByteBudget.Share) { state.withLock { $0.share = share } }
        /// Gives the memory back: what was read is needed no more.
        func release() { state.withLock { $0.share = nil } }
    }

    /// The place of a request that a proxy passes on; its connection has one of its own.
    final class PlaceState: Sendable {
        private let state = Mutex<ConnectionPlaces.Place?>(nil)
        var place: ConnectionPlaces.Place? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    let body = BodyState()
    let passedOn = PlaceState()

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Ends the connection.
    var close: @Sendable () -> Void { { [weak channel] in channel?.close(promise: nil) } }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Synchronization

/// Streams of changed circles, one for each who asked; nil stands for any circle.
package final class ChangeWatchers: Sendable {
    private struct Reader {
        weak var changes: PendingChanges?
        let localOnly: Bool
    }
    private let readers = Mutex<[Reader]>([])

    package init() {}

    /// Circles that change from now on; one that changes often before it is read comes once.
    ///
    /// - Parameter localOnly: without changes that other nodes have made.
    package func stream(localOnly: Bool = false) -> AsyncStream<CircleID?> {
        let changes = PendingChanges()
        readers.withLock { readers in
            readers.removeAll { $0.changes == nil }
            readers.append(Reader(changes: changes, localOnly: localOnly))
        }
        return AsyncStream { await changes.next() }
    }

    /// Tells those who watch.
    ///
    /// - Parameter circle: nil if it is not known which have changed.
    package func tell(_ circle: CircleID?, isLocal: Bool = true) {
        let told = readers.withLock { $0.filter { isLocal || !$0.localOnly }.compactMap(\.changes) }
        for changes in told { changes.insert(circle) }
    }
}

/// Changes that one reader has not read yet.
private final class PendingChanges: Sendable {
    private let circles = Mutex<Set<CircleID?>>([])
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func insert(_ circle: CircleID?) {
        circles.withLock { _ = $0.insert(circle) }
        signal.yield()
    }

    /// Waits for a change; nothing once the reader is cancelled.
    func next() async -> CircleID?? {
        while true {
            if let circle = circles.withLock({ $0.popFirst() }) { return .some(circle) }
            var iterator = signals.makeAsyncIterator()
            guard await iterator.next() != nil else { return .none }
        }
    }
}

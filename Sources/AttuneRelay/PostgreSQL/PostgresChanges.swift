// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CPostgres
import Foundation
import Logging
import Synchronization

/// Tells the nodes of a relay about each other's changes, through LISTEN and NOTIFY.
///
/// Notifications wait for one lock of the whole database, so those of 100 ms travel together.
final class PostgresChanges: Sendable {
    static let channel = "attune_relay"
    /// Says in a notification that any circle may have changed.
    private static let any = "any"
    /// Circles in one notification: a payload has less than 8,000 bytes.
    private static let circles = 100

    private let database: PostgresDatabase
    private let watchers: ChangeWatchers
    private let logger = Logger(label: "attune.relay.postgres")
    /// Set when nobody needs the changes any more; the listening thread outlives this object by half a second.
    private let ended = EndFlag()
    private let sender = Mutex<Task<Void, Never>?>(nil)

    init(database: PostgresDatabase, watchers: ChangeWatchers) { (self.database, self.watchers) = (database, watchers) }

    /// Starts to listen and to tell.
    ///
    /// - Parameter local: circles that this node has changed.
    func start(_ local: AsyncStream<CircleID?>) {
        Thread.detachNewThread { [database, watchers, logger, ended] in
            while !ended.isSet { Self.listen(database, watchers, logger, ended) }
        }
        let shared = Shared()
        let task = Task { [database, logger] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await circle in local { shared.insert(circle) } }
                group.addTask {
                    while (try? await Task.sleep(for: .milliseconds(100))) != nil {
                        let circles = shared.take()
                        for start in stride(from: 0, to: circles.count, by: Self.circles) {
                            let names = circles[start..<min(start + Self.circles, circles.count)]
                            do {
                                try await database.notify(
                                    names.map { $0?.description ?? Self.any }.joined(separator: " "))
                            } catch is CancellationError {
                                return
                            } catch {
                                logger.error("telling other nodes: \(error)")
                            }
                        }
                    }
                }
            }
        }
        sender.withLock { $0 = task }
    }

    /// Listens on a connection until it breaks.
    private static func listen(
        _ database: PostgresDatabase, _ watchers: ChangeWatchers, _ logger: Logger, _ ended: EndFlag
    ) {
        do {
            let connection = try database.connect()
            try connection.command("LISTEN \(channel)")
            // What was told while nobody listened is not told again.
            watchers.tell(nil, isLocal: false)
            while !ended.isSet {
                var waiting = pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0)
                _ = poll(&waiting, 1, 500)
                for payload in try connection.notifications() {
                    for name in payload.split(separator: " ") {
                        let circle = CircleID(hex: String(name))
                        if circle != nil || name == any { watchers.tell(circle, isLocal: false) }
                    }
                }
            }
        } catch {
            guard !ended.isSet else { return }
            logger.error("listening to other nodes: \(error)")
            Thread.sleep(forTimeInterval: 1)
        }
    }

    deinit {
        ended.set()
        sender.withLock { $0?.cancel() }
    }
}

/// Says once that something is over.
private final class EndFlag: Sendable {
    private let flag = Mutex(false)
    var isSet: Bool { flag.withLock { $0 } }
    func set() { flag.withLock { $0 = true } }
}

/// Circles to tell about; nil for any.
private final class Shared: Sendable {
    private let circles = Mutex<Set<CircleID?>>([])
    func insert(_ circle: CircleID?) { circles.withLock { _ = $0.insert(circle) } }
    func take() -> [CircleID?] {
        circles.withLock { circles in
            defer { circles = [] }
            return Array(circles)
        }
    }
}

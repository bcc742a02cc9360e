// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Many connections at once that are slow, silent, or do not read, opened again as often as the server ends them.
package final class HostileSockets: Sendable {
    /// What became of the connections.
    package struct Counts: Codable, Sendable {
        package var opened = 0
        package var endedByServer = 0
        /// Most that were open at a time, as the attacker sees it.
        package var most = 0
        package var bytesSent = 0
        package init() {}
    }

    package struct Plan: Sendable {
        /// Connections held at once.
        package var count: Int
        /// Loopback addresses that they come from, in turn.
        package var sources: [String]
        /// What each one sends at once.
        package var opening: @Sendable (Int) -> [UInt8]
        /// What each one sends every `pause` after that.
        package var drip: [UInt8]
        package var pause: Double
        /// Whether answers are read.
        package var reads: Bool

        package init(
            count: Int, sources: [String], opening: @escaping @Sendable (Int) -> [UInt8], drip: [UInt8] = [],
            pause: Double = 1, reads: Bool = true
        ) {
            self.count = count
            self.sources = sources
            self.opening = opening
            self.drip = drip
            self.pause = pause
            self.reads = reads
        }
    }

    private struct Connection {
        let descriptor: Int32
        var rest: ArraySlice<UInt8>
        var due: ContinuousClock.Instant
    }

    private let port: Int
    private let plan: Plan

    package init(port: Int, _ plan: Plan) {
        self.port = port
        self.plan = plan
    }

    /// So many addresses over so many networks of 65,536 addresses: `127.network.x.y`.
    package static func sources(_ count: Int, networks: Int = 1) -> [String] {
        (0..<count).map { "127.\(1 + $0 % networks).\(1 + $0 / networks / 250).\(1 + $0 / networks % 250)" }
    }

    /// Attacks for so many seconds on a thread of its own.
    package func run(seconds: Double) async -> Counts {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in continuation.resume(returning: attack(seconds: seconds)) }
        }
    }

    private func attack(seconds: Double) -> Counts {
        let end = ContinuousClock.now + .seconds(seconds)
        var counts = Counts()
        var open: [Connection] = []
        defer { for connection in open { close(connection.descriptor) } }
        var next = 0
        while ContinuousClock.now < end {
            // A few hundred at a time: the listener's queue is finite.
            for _ in 0..<min(300, plan.count - open.count) {
                let source = plan.sources[next % plan.sources.count]
                guard
                    let descriptor = try? RawConnection(port: port, source: source).opened(
                        blocking: false, receiveBuffer: plan.reads ? nil : 4096)
                else { break }
                open.append(Connection(descriptor: descriptor, rest: plan.opening(next)[...], due: .now))
                counts.opened += 1
                next += 1
            }
            counts.most = max(counts.most, open.count)
            pass(&open, &counts)
        }
        return counts
    }

    /// Sends what is due, reads what came, and forgets those that the server has ended.
    private func pass(_ open: inout [Connection], _ counts: inout Counts) {
        var polled = open.map {
            pollfd(
                fd: $0.descriptor,
                events: Int16(plan.reads ? POLLIN : 0) | ($0.rest.isEmpty ? 0 : Int16(POLLOUT)), revents: 0)
        }
        guard poll(&polled, nfds_t(polled.count), 50) >= 0 else { return }
        let now = ContinuousClock.now
        var buffer = [UInt8](repeating: 0, count: 4096)
        var ended: Set<Int> = []
        for index in open.indices {
            let events = Int32(polled[index].revents)
            if events & (POLLHUP | POLLERR | POLLNVAL) != 0 { ended.insert(index) }
            if events & POLLIN != 0, recv(open[index].descriptor, &buffer, buffer.count, 0) <= 0, errno != EAGAIN {
                ended.insert(index)
            }
            if open[index].rest.isEmpty, !plan.drip.isEmpty, now >= open[index].due {
                open[index].rest = plan.drip[...]
            }
            guard !open[index].rest.isEmpty else { continue }
            let count = open[index].rest.withUnsafeBytes {
                send(open[index].descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                open[index].rest = open[index].rest.dropFirst(count)
                open[index].due = now + .seconds(plan.pause)
                counts.bytesSent += count
            } else if count < 0, ![EAGAIN, ENOTCONN, EINPROGRESS].contains(errno) {
                ended.insert(index)
            }
        }
        counts.endedByServer += ended.count
        for index in ended { close(open[index].descriptor) }
        open = open.indices.filter { !ended.contains($0) }.map { open[$0] }
    }
}

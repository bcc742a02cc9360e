// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneSync
import AttuneTestSupport
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Event streams that are held open and read.
final class RelayLoadListeners: Sendable {
    private let clients: [RelayClient]
    private let streams: Int
    private let http: HTTPClient
    private struct State {
        /// Of each open stream, the newest count of entries; nil before the first.
        var counts: [Int: UInt64?] = [:]
        var wakeUps = 0
        var tasks: [Task<Void, Never>] = []
        var failure: String?
    }
    private let state = Mutex(State())

    /// - Parameter clients: whose circles are listened to, in turn.
    init(_ clients: [RelayClient], streams: Int) {
        self.clients = clients
        self.streams = streams
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = streams + 1
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Events that named a new count of entries, those at the start aside.
    var wakeUps: Int { state.withLock { $0.wakeUps } }
    /// Streams that are open and have named a count.
    var held: Int { state.withLock { $0.counts.values.count { $0 != nil } } }

    /// Opens all streams, a thousand in a second, and returns once each has named its first count.
    func open() async throws {
        for number in 0..<streams {
            let task = Task { await self.listen(number) }
            state.withLock { $0.tasks.append(task) }
            if number % 10 == 9 { try await Task.sleep(for: .milliseconds(10)) }
        }
        for _ in 0..<600 where held < streams { try await Task.sleep(for: .milliseconds(50)) }
        guard held == streams else {
            throw BenchFailure("\(held) of \(streams) streams are open: \(state.withLock { $0.failure ?? "slow" })")
        }
    }

    /// Waits until the streams have named the counts of their circles, for ten seconds at most.
    ///
    /// - Returns: streams that have not.
    func settle(_ counts: [UInt64]) async throws -> Int {
        func behind() -> Int {
            state.withLock { state in
                (0..<streams).count { (state.counts[$0] ?? nil) ?? 0 < counts[$0 % counts.count] }
            }
        }
        for _ in 0..<200 where behind() > 0 { try await Task.sleep(for: .milliseconds(50)) }
        return behind()
    }

    func close() async throws {
        for task in state.withLock({ $0.tasks }) { task.cancel() }
        for task in state.withLock({ $0.tasks }) { await task.value }
        try await http.shutdown()
    }

    private func listen(_ number: Int) async {
        let client = clients[number % clients.count]
        do {
            let request = try client.request("GET", client.home + "/events")
            let response = try await http.execute(request, timeout: .hours(24))
            guard response.status == .ok else { throw BenchFailure("status \(response.status.code)") }
            state.withLock { $0.counts[number] = .some(nil) }
            var parser = EventStreamParser()
            for try await part in response.body {
                for case .entries(let count) in try parser.take(part.readableBytesView) {
                    state.withLock { state in
                        if let known = state.counts[number], known != nil { state.wakeUps += 1 }
                        state.counts[number] = .some(count)
                    }
                }
            }
            throw BenchFailure("the relay ended a stream")
        } catch {
            state.withLock { state in
                state.counts[number] = nil
                if !Task.isCancelled { state.failure = "\(error)" }
            }
        }
    }
}

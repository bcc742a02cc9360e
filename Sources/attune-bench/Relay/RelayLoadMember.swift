// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import Synchronization

/// A circle with one device that pushes entries.
final class RelayLoadMember: Sendable {
    let client: RelayClient
    private let device = SyntheticDevice()
    private let circle: SyntheticCircle
    private struct State {
        var entries: [Entry] = []
        var sent = 0
        var acknowledged = 0
    }
    private let state = Mutex(State())

    /// Opens the circle at the relay.
    init(_ relay: RelayProcess) async throws {
        circle = try SyntheticCircle(founder: device, paper: SyntheticDevice(paper: true))
        client = RelayClient(relay, device: device, circle: circle.id)
        let answer = try await client.create(circle.links[0])
        guard answer.status == 201 else { throw BenchFailure("the relay opened no circle: \(answer.code)") }
    }

    var sent: Int { state.withLock { $0.sent } }
    var acknowledged: Int { state.withLock { $0.acknowledged } }

    /// Writes the entries that will be pushed, so that their signatures cost no time later.
    func prepare(_ count: Int) throws {
        var entries: [Entry] = []
        for _ in 0..<count { entries.append(try circle.entry(by: device, after: entries.last)) }
        state.withLock { $0.entries = entries }
    }

    /// Pushes each entry when it is due and returns how long each took from then.
    ///
    /// Counted so, because a relay that falls behind would hide it from whoever waits for the answer before.
    func push(due: (Int) -> ContinuousClock.Instant) async throws -> [Double] {
        var times: [Double] = []
        for (index, entry) in state.withLock({ $0.entries }).enumerated() {
            let moment = due(index)
            try await Task.sleep(until: moment, clock: .continuous)
            state.withLock { $0.sent += 1 }
            let answer = try await client.push([entry])
            guard answer.status == 200, try answer.message(ProtoPushResult.self).outcomes == [.new] else {
                throw BenchFailure("the relay took no entry: \(answer.status) \(answer.code)")
            }
            times.append((ContinuousClock.now - moment).seconds)
            state.withLock { $0.acknowledged += 1 }
        }
        return times
    }

    /// Acknowledged entries that the relay does not give back byte for byte.
    func lost() async throws -> Int {
        let known = state.withLock { Array($0.entries.prefix($0.acknowledged)) }
        var found: [Data] = []
        while true {
            let page = try await client.entries("?after=\(found.count)")
            found += page.entries
            guard page.more, !page.entries.isEmpty else { break }
        }
        return known.count - zip(known, found).count { Data($0.bytes) == $1 }
    }
}

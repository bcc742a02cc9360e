// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Foundation
import Synchronization

/// An honest circle whose devices push entries at a steady rate; how long each took, from when it was due.
package final class RelayPusher: Sendable {
    private let clients: [RelayClient]
    private let device = SyntheticDevice()
    private let circle: SyntheticCircle
    private let last = Mutex<Entry?>(nil)
    private let failures = Mutex<[String]>([])

    /// Opens the circle.
    package init(_ relay: RelayProcess) async throws {
        circle = try SyntheticCircle(founder: device, paper: SyntheticDevice(paper: true))
        let client = RelayClient(relay, device: device, circle: circle.id)
        let answer = try await client.create(circle.links[0])
        guard answer.status == 201 else { throw Refused(what: "circle: \(answer.status) \(answer.code)") }
        clients = [client]
    }

    /// Why pushes failed, if any did.
    package var problems: [String] { failures.withLock { $0 } }

    /// Pushes so many a second until `stop` is cancelled or true.
    package func run(perSecond: Double, until isOver: @escaping @Sendable () -> Bool) async throws -> [Double] {
        var times: [Double] = []
        let start = ContinuousClock.now
        var number = 0
        while !isOver() {
            let due = start + .seconds(Double(number) / perSecond)
            number += 1
            try await Task.sleep(until: due, clock: .continuous)
            let entry = try circle.entry(by: device, after: last.withLock { $0 })
            do {
                let answer = try await clients[0].push([entry])
                if answer.status == 200 {
                    last.withLock { $0 = entry }
                } else {
                    failures.withLock { $0.append("\(answer.status) \(answer.code)") }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
            times.append((ContinuousClock.now - due) / .seconds(1))
        }
        return times.sorted()
    }

    private struct Refused: Error, CustomStringConvertible {
        let what: String
        var description: String { "the relay refused: \(what)" }
    }
}

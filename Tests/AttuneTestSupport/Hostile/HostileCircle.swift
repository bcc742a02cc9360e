// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation

/// A circle whose device does to the relay what it can.
struct HostileCircle {
    let client: RelayClient
    private let device = SyntheticDevice()
    private let paper = SyntheticDevice(paper: true)
    private var circle: SyntheticCircle
    private var last: Entry?
    private var pushed: [EntryHash] = []

    /// Opens the circle.
    ///
    /// - Parameter relay: its address.
    init(_ relay: String) async throws {
        circle = try SyntheticCircle(founder: device, paper: paper)
        client = RelayClient(relay, device: device, circle: circle.id)
        let answer = try await client.create(circle.links[0])
        guard answer.status == 201 else { throw NoCircle(status: answer.status) }
    }

    /// Pushes entries of the least size, or versions that name chunks which nobody has.
    mutating func push(count: Int, chunks: Int = 0) async throws -> RelayClient.Answer {
        var entries: [Entry] = []
        for _ in 0..<count {
            let ids = (0..<chunks).map { _ in ChunkID.random() }
            entries.append(try circle.entry(by: device, after: entries.last ?? last, chunks: ids))
        }
        return try await send(entries)
    }

    /// Pushes releases, each of as many entries as one may name.
    mutating func pushReleases(count: Int) async throws -> RelayClient.Answer {
        var entries: [Entry] = []
        for _ in 0..<count {
            let released = pushed.suffix(8)
            entries.append(
                try circle.entry(
                    by: device, after: entries.last ?? last,
                    releasing: released.isEmpty ? [.zero] : Array(released)))
        }
        return try await send(entries)
    }

    private mutating func send(_ entries: [Entry]) async throws -> RelayClient.Answer {
        let answer = try await client.push(entries)
        if answer.status == 200 {
            last = entries.last
            pushed += entries.map(\.hash)
        }
        return answer
    }

    /// Adds a device and shuts it out again; false if the relay does not take the links.
    mutating func addAndRevoke() async throws -> Bool {
        var next = circle
        let before = circle.chain.head
        let other = SyntheticDevice()
        let links = [try next.add(other, by: device), try next.revoke(other, by: device, second: paper)]
        let answer = try await client.append(links, after: before)
        guard answer.status == 201 else {
            try await Task.sleep(for: .milliseconds(100))
            return false
        }
        circle = next
        return true
    }

    private struct NoCircle: Error, CustomStringConvertible {
        let status: Int
        var description: String { "the relay opens no circle: \(status)" }
    }
}

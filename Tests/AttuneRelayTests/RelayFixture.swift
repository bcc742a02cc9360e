// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import AttuneWire
import Testing

/// A relay with one circle of one device.
struct RelayFixture {
    let relay: RelayProcess
    let founder = SyntheticDevice()
    let paper = SyntheticDevice(paper: true)
    var circle: SyntheticCircle
    /// The founder at the relay.
    var client: RelayClient

    init(_ relay: RelayProcess) async throws {
        self.relay = relay
        circle = try SyntheticCircle(founder: founder, paper: paper)
        client = RelayClient(relay, device: founder, circle: circle.id)
        let answer = try await client.create(circle.links[0])
        try #require(answer.status == 201, "\(answer.code) \(relay.log)")
    }

    init(limits: Bool = false, options: [String] = []) async throws {
        try await self.init(try RelayProcess(limits: limits, options: options))
    }

    /// Another device at the relay.
    func client(of device: SyntheticDevice) -> RelayClient {
        RelayClient(relay, device: device, circle: circle.id)
    }

    /// Adds a device to the circle, at the relay too.
    mutating func add() async throws -> SyntheticDevice {
        let device = SyntheticDevice()
        let before = circle.chain.head
        let link = try circle.add(device, by: founder)
        let answer = try await client.append([link], after: before)
        try #require(answer.status == 201, "\(answer.code)")
        return device
    }
}

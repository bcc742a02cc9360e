// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneRelay
import AttuneService
import AttuneSync
import AttuneTestSupport
import AttuneVault
import AttuneWire
import NIOCore
import NIOHTTP1
import NIOSSL
import Testing

@testable import AttuneKit

/// Devices on the local network know each other by the keys that the device chain names, and by nothing else.
@Suite struct DirectPinningTests {
    private static let host = "127.0.0.1"

    @Test func aManInTheMiddleWithAnotherCertificateGetsNothingFromAClient() async throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let stranger = try CircleMember.circle(["stranger"])[0]
        try devices[1].store.train()
        let (laptop, desk) = (devices[0].workspace, devices[1].workspace)
        let genuine = try await DirectServer.start(laptop, host: Self.host, port: 0)
        let other = try await DirectServer.start(stranger.workspace, host: Self.host, port: 0, admitsStrangers: true)

        #expect(await Self.failure(of: desk, port: other.port) == "E-SYNC-071")
        // One that lets the first look through to the device itself and answers in its place after it.
        let proxy = try RecordingProxy()
        proxy.start(to: UInt16(genuine.port), then: UInt16(other.port))
        #expect(await Self.failure(of: desk, port: Int(proxy.port)) == "E-SYNC-001")
        #expect(proxy.count > 0)
        #expect(try laptop.vault.adapters.all().isEmpty)
        #expect(try laptop.vault.entries.heads().isEmpty)
        #expect(try stranger.vault.syncLog.newest().isEmpty)
        #expect(try desk.vault.circle.links(after: 0, limit: 9).count == 3)
        // The device itself is talked to.
        let refusal = await Self.refusal(of: desk, port: genuine.port)
        #expect(refusal == nil)
        #expect(try laptop.vault.adapters.all().map(\.name) == ["notes"])
        await genuine.stop()
        await other.stop()
    }

    @Test func aServerGivesNoPlaceToAnEntryBeforeAnotherDeviceGaveBackWhatItMayHaveLost() async throws {
        let laptop = try CircleMember.circle(["laptop", "desk"])[0]
        try laptop.store.train()
        let served = try VaultRelayStore(laptop.workspace)
        let circle = laptop.sync.circle
        // A device whose links this one lacks, or whose connection broke, asks again before it gives anything.
        for _ in 0..<3 { _ = try await served.frontier(of: circle) }
        #expect(try laptop.sync.heads().isEmpty)
        #expect(try laptop.vault.events.draftCount() > 0)
        _ = try await served.missing([], in: circle)
        _ = try await served.frontier(of: circle)
        #expect(try laptop.sync.heads()[laptop.sync.device] != nil)
        #expect(try laptop.vault.events.draftCount() == 0)
    }

    @Test func aServerTalksToDevicesOfItsCircleOnly() async throws {
        let devices = try CircleMember.circle(["laptop", "desk"])
        let stranger = try CircleMember.circle(["stranger"])[0]
        let member = try Workspace.directIdentity(CircleKeys(devices[1].vault)).0
        let foreign = try Workspace.directIdentity(CircleKeys(stranger.vault)).0
        let server = try await DirectServer.start(devices[0].workspace, host: Self.host, port: 0)
        let shown = try await DirectPeer.certificate(host: Self.host, port: server.port, identity: member) { _ in true }
        var nameless = TLSConfiguration.makeClientConfiguration()
        nameless.trustRoots = .certificates([shown])
        nameless.certificateVerification = .noHostnameVerification
        let circle = try devices[0].chain().circle

        #expect(await Self.answer(member.client(trusting: shown), server.port, "info") == 200)
        #expect(await Self.status(foreign.client(trusting: shown), server.port, "info") == nil)
        #expect(await Self.status(nameless, server.port, "info") == nil)
        await server.stop()

        // While a stranger may connect to pair, it still reaches nothing of the circle.
        let pairing = try await DirectServer.start(
            devices[0].workspace, host: Self.host, port: 0, admitsStrangers: true)
        let again = try await DirectPeer.certificate(host: Self.host, port: pairing.port, identity: foreign) { _ in true
        }
        var unnamed = nameless
        unnamed.trustRoots = .certificates([again])
        #expect(await Self.answer(foreign.client(trusting: again), pairing.port, "info") == 200)
        for route in ["links", "frontier", "entries"] {
            let status = await Self.answer(
                foreign.client(trusting: again), pairing.port, "circles/\(circle)/\(route)?after=0")
            #expect(status.map { [401, 403].contains($0) } == true, "\(route): \(status ?? 0)")
        }
        #expect(await Self.status(unnamed, pairing.port, "info") == nil)
        await pairing.stop()
    }

    @Test func aRelayWithAnotherHistoryOfTheCircleDoesNotKeepADeviceInIt() async throws {
        let devices = try CircleMember.circle(["laptop", "desk", "phone"])
        let before = try devices[0].chain()
        let changes = try devices[..<2].map { device in
            try LinkWriter(chain: before, keys: device.keys).epoch(keyring: device.keyring()).link
        }.sorted { $0.hash < $1.hash }
        for (device, change) in zip(devices, changes) {
            try CircleKeys(device.vault).keep([change], after: before)
        }
        var configuration = RelayConfiguration()
        configuration.creation = .never
        let relay = try await RunningRelay.start(
            RelayServer(store: try VaultRelayStore(devices[1].workspace), configuration: configuration))
        let laptop = devices[0].workspace
        try laptop.updateSyncSettings { $0.relay = "http://127.0.0.1:\(relay.port)" }
        let phone = try laptop.device(named: "phone")
        let done = try await laptop.revoke([phone], confirmation: nil)
        #expect(!done.isPublished)
        #expect(try devices[0].chain().devices[devices[2].sync.device]?.isActive == false)
        await relay.stop()
    }

    /// The code of what a sync with this port fails with; nil where it does not.
    private static func failure(of workspace: Workspace, port: Int) async -> String? {
        do {
            let report = try await workspace.sync(with: .direct(host: host, port: port))
            return report.failure?.code
        } catch {
            return (error as? any AttuneError)?.code ?? "\(error)"
        }
    }

    /// As `failure(of:port:)` of a port that talks to the device, though a busy machine may be too late once.
    private static func refusal(of workspace: Workspace, port: Int) async -> String? {
        var code: String?
        for _ in 0..<3 {
            code = await failure(of: workspace, port: port)
            if code == nil { return nil }
        }
        return code
    }

    /// The status of a GET of a route for somebody whom the server answers, though a busy machine may be too late once.
    private static func answer(_ tls: TLSConfiguration, _ port: Int, _ route: String) async -> UInt? {
        for _ in 0..<3 {
            if let status = await status(tls, port, route) { return status }
        }
        return nil
    }

    /// The status of a GET of a route; nil where there is no answer.
    private static func status(_ tls: TLSConfiguration, _ port: Int, _ route: String) async -> UInt? {
        try? await RemoteCircle.withClient(HTTPTransport.makeClient(tls: tls)) { client in
            try await client.execute(
                HTTPClientRequest(url: "https://\(host):\(port)/v1/\(route)"), timeout: .seconds(20)
            ).status.code
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneTestSupport
import AttuneWire
import Foundation
import NIOCore
import Testing

@Suite("Chunks at a relay") struct ChunkTests {
    @Test("a chunk is kept once, found by those in the circle only, and comes back as it was")
    func roundTrip() async throws {
        var fixture = try await RelayFixture()
        let second = try await fixture.add()
        let (chunk, other) = (SyntheticCircle.chunk(), SyntheticCircle.chunk())
        #expect(try await fixture.client.missing([chunk.id, other.id]) == [chunk.id, other.id])
        #expect(try await fixture.client.put(chunk).status == 201)
        #expect(try await fixture.client.put(chunk).status == 200)
        #expect(try await fixture.client.missing([chunk.id, other.id]) == [other.id])
        let answer = try await fixture.client(of: second).get(chunk.id)
        #expect(answer.status == 200)
        #expect(answer.body == chunk.bytes)
        let head = try await fixture.client.send("HEAD", fixture.client.home + "/chunks/\(chunk.id)")
        #expect(head.status == 200)
        #expect(head.field("Content-Length") == "1048576")
        #expect(try await fixture.client.get(other.id).code == "E-RELAY-017")

        // Knowing an id is not access: another circle at the same relay has to bring the bytes itself.
        let stranger = try await RelayFixture(fixture.relay)
        #expect(try await stranger.client.get(chunk.id).code == "E-RELAY-017")
        #expect(try await stranger.client.missing([chunk.id]) == [chunk.id])
    }

    @Test("bytes that do not have the id are refused, and so is any other size")
    func wrongBytes() async throws {
        let fixture = try await RelayFixture()
        let before = try await fixture.client.frontier().bytesUsed
        var chunk = SyntheticCircle.chunk()
        chunk.bytes[77] ^= 1
        #expect(try await fixture.client.put(chunk).code == "E-RELAY-012")
        for count in [1, 4095, 4097, WireLimits.chunkBytes - 1] {
            let bytes = SyntheticDevice.random(count)
            let short = (id: ChunkID(WireHash.blake2b(bytes, personal: "")), bytes: bytes)
            #expect(try await fixture.client.put(short).code == "E-RELAY-001")
        }
        let bytes = SyntheticDevice.random(WireLimits.chunkBytes + 1)
        let long = try await fixture.client.put((id: ChunkID(WireHash.blake2b(bytes, personal: "")), bytes: bytes))
        #expect(long.status == 413)
        #expect(try await fixture.client.frontier().bytesUsed == before)
    }

    @Test("the last chunk of a blob may be any smaller multiple of 4 KiB, and counts as such")
    func shorterChunks() async throws {
        let fixture = try await RelayFixture()
        var used = try await fixture.client.frontier().bytesUsed
        for count in [4096, 73_728, WireLimits.chunkBytes - 4096, WireLimits.chunkBytes] {
            let bytes = SyntheticDevice.random(count)
            let chunk = (id: ChunkID(WireHash.blake2b(bytes, personal: "")), bytes: bytes)
            #expect(try await fixture.client.put(chunk).status == 201)
            #expect(try await fixture.client.get(chunk.id).body == bytes)
            let head = try await fixture.client.send("HEAD", fixture.client.home + "/chunks/\(chunk.id)")
            #expect(head.field("Content-Length") == "\(count)")
            used += UInt64(count) + StoreConformance.Cost.chunk
            #expect(try await fixture.client.frontier().bytesUsed == used)
        }
    }

    @Test("a body that never ends is cut off, whatever it says about its length")
    func endlessBody() async throws {
        let fixture = try await RelayFixture()
        let chunk = SyntheticCircle.chunk()
        var request = try fixture.client.request(
            "PUT", fixture.client.home + "/chunks/\(chunk.id)", body: chunk.bytes)
        let sent = Counter()
        request.body = .stream(
            AsyncStream<ByteBuffer> {
                await sent.add(1 << 16)
                return await sent.total > 1 << 30 ? nil : ByteBuffer(repeating: 0, count: 1 << 16)
            }, length: .unknown)
        let answer = try? await fixture.client.execute(request)
        #expect(answer.map { $0.status == 413 } ?? true)
        #expect(await sent.total < 64 << 20)
        #expect(try await fixture.client.put(chunk).status == 201)
    }

    @Test("a circle over its quota gets 507 with what it uses, and the operator can lift it")
    func quota() async throws {
        let fixture = try await RelayFixture(options: ["--circle-bytes", "1500000"])
        #expect(try await fixture.client.put(SyntheticCircle.chunk()).status == 201)
        let second = SyntheticCircle.chunk()
        let full = try await fixture.client.put(second)
        #expect(full.status == 507)
        #expect(full.code == "E-RELAY-014")
        let used = try await fixture.client.frontier().bytesUsed
        #expect(full.field("Attune-Quota-Used") == "\(used)")
        #expect(full.field("Attune-Quota-Limit") == "1500000")
        let folder = try TemporaryDirectory()
        let quota = try ChildProcess(
            try RelayProcess.binary, ["quota", "--dir", fixture.relay.folder, "\(fixture.circle.id)", "4000000"],
            environment: ["PATH": "/usr/bin:/bin"], folder: folder.path, output: nil, errors: folder.path + "/errors")
        #expect(try quota.wait() == .exit(0))
        #expect(try await fixture.client.put(second).status == 201)
        #expect(try await fixture.client.frontier().bytesLimit == 4_000_000)
    }
}

/// Counts what was sent.
private actor Counter {
    private(set) var total = 0
    func add(_ count: Int) { total += count }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneSync
import AttuneWire
import Foundation
import SwiftProtobuf
import Testing

/// Answers that are too large, too slow or no answers at all.
@Suite struct HostileAnswerTests {
    /// What the transport makes of a server's answer to a question and to a chunk.
    private func failures(
        of answer: String, drip: String? = nil, seconds: Double = 5
    ) async throws -> (frontier: RemoteFailure?, chunk: RemoteFailure?) {
        let server = try await HostileServer(answer: answer, drip: drip)
        var random = SimulationRandom(seed: 1)
        let identity = SimulatedIdentity(&random)
        let client = HTTPTransport.makeClient()
        var deadlines = HTTPTransport.Deadlines()
        deadlines.message = seconds
        deadlines.chunk = seconds
        let id = ChunkID(WireHash.blake2b([], personal: ""))
        let transport = HTTPTransport(
            client: client, address: try #require(RemoteAddress(server.address)), circle: .zero, device: identity.id,
            deadlines: deadlines, sign: { identity.sign($0) })
        func failure(_ body: () async throws -> Void) async -> RemoteFailure? {
            do {
                try await body()
                return nil
            } catch {
                return error as? RemoteFailure
            }
        }
        let frontier = await failure { _ = try await transport.frontier() }
        let chunk = await failure { _ = try await transport.download(id) }
        try await client.shutdown()
        try await server.stop()
        return (frontier, chunk)
    }

    @Test(arguments: ["1048577", "2147483648", "9223372036854775807", "8388609"])
    func aGiantLengthIsRefusedBeforeItIsRead(length: String) async throws {
        let found = try await failures(of: "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n")
        if length == "1048577" {
            #expect(found.frontier != nil)
        } else {
            #expect(found.frontier == .malformed("an answer of \(length) bytes"))
        }
        #expect(found.chunk == .malformed("an answer of \(length) bytes"))
    }

    @Test func anEndlessBodyIsCutOffAtItsCap() async throws {
        let part = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
        let found = try await failures(
            of: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", drip: part, seconds: 120)
        #expect(found.chunk == .malformed("an answer of more than \(1 << 20) bytes"))
        #expect(found.frontier == .malformed("an answer of more than \(8 << 20) bytes"))
    }

    @Test func aBodyThatDripsIsLeftAtTheDeadline() async throws {
        // At this rate the whole body would take hours.
        let found = try await failures(
            of: "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", drip: "x", seconds: 0.6)
        #expect(found.frontier == .timedOut)
        #expect(found.chunk == .timedOut)
    }

    @Test func whatIsNoMessageIsRefused() async throws {
        let found = try await failures(of: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        guard case .malformed = found.frontier, case .malformed = found.chunk else {
            Issue.record("\(found)")
            return
        }
    }

    @Test func aCircleWithoutLinksIsRefused() async throws {
        var message = ProtoFrontier()
        message.link = Data(repeating: 1, count: 32)
        let body = String(decoding: try message.serializedBytes() as [UInt8], as: UTF8.self)
        let found = try await failures(of: "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        #expect(found.frontier == .malformed("the newest link"))
    }

    @Test func aRedirectIsNotFollowed() async throws {
        let found = try await failures(
            of: "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        guard case .malformed = found.frontier else {
            Issue.record("\(found)")
            return
        }
    }

    @Test func statusesMeanWhatTheRelayMeansByThem() async throws {
        for (head, failure) in [
            ("429 X\r\nRetry-After: 7", RemoteFailure.busy(retryAfter: 7)),
            ("429 X\r\nRetry-After: -9223372036854775808", .busy(retryAfter: 0)),
            ("503 X\r\nRetry-After: soon", .busy(retryAfter: nil)), ("507 X", .full), ("413 X", .tooLarge),
            ("412 X", .conflict), ("403 X", .forbidden), ("500 X", .server(500)),
            ("401 X\r\nAttune-Time: 9223372036854775807", .unauthorised("the signature of a request was refused")),
        ] {
            let found = try await failures(of: "HTTP/1.1 \(head)\r\nContent-Length: 0\r\n\r\n")
            #expect(found.frontier == failure)
        }
    }
}

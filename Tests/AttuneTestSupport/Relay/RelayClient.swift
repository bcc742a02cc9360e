// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneWire
import Foundation
import NIOCore
import NIOHTTP1
import SwiftProtobuf

/// A device at a relay: signs requests and returns what comes back, whatever it is.
package struct RelayClient: Sendable {
    /// An answer.
    package struct Answer: Sendable {
        package let status: Int
        package let headers: HTTPHeaders
        package let body: [UInt8]

        /// The value of a field, or nil.
        package func field(_ name: String) -> String? { headers.first(name: name) }

        /// The body as a message.
        package func message<Message: SwiftProtobuf.Message>(_ type: Message.Type = Message.self) throws -> Message {
            try Message(serializedBytes: body)
        }

        /// The code of a problem; empty where the body is none.
        package var code: String {
            (try? ProtoProblem(jsonUTF8Bytes: body))?.code ?? ""
        }
    }

    /// Such as `http://127.0.0.1:8377`, with the base path if there is one.
    package let address: String
    package var device: SyntheticDevice?
    package var circle: CircleID?
    /// Seconds that the device's clock is wrong by.
    package var clockOffset: Int64 = 0
    package var authority: String?
    package var http = RelayClient.direct

    /// Gives up at once where nobody listens.
    private static let direct: HTTPClient = {
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// The relay's process lives as long as somebody may ask it.
    private var process: RelayProcess?

    package init(_ process: RelayProcess, device: SyntheticDevice? = nil, circle: CircleID? = nil) {
        self.init(process.address, device: device, circle: circle)
        self.process = process
    }

    package init(_ address: String, device: SyntheticDevice? = nil, circle: CircleID? = nil) {
        self.address = address
        self.device = device
        self.circle = circle
    }

    /// The path of the circle.
    package var home: String { "/v1/circles/\(circle?.description ?? "none")" }

    /// Makes a request, signed where there is a device.
    package func request(
        _ method: String, _ target: String, body: [UInt8] = [], fields: [(String, String)] = [],
        nonce: [UInt8]? = nil
    ) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address + target)
        request.method = HTTPMethod(rawValue: method)
        if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
        if let device {
            let url = URL(string: address)
            let port = url?.port.map { ":\($0)" } ?? ""
            let parts = target.split(separator: "?", maxSplits: 1)
            let signature = RequestSignature(
                created: UInt64(Int64(Date().timeIntervalSince1970) + clockOffset),
                nonce: nonce ?? SyntheticDevice.random(16), device: device.id)
            let signed = try signature.fields(
                method: method, authority: authority ?? (url?.host() ?? "") + port, path: String(parts[0]),
                query: parts.count > 1 ? String(parts[1]) : nil, body: body, sign: device.sign)
            for field in signed { request.headers.add(name: field.name, value: field.value) }
        }
        for field in fields { request.headers.replaceOrAdd(name: field.0, value: field.1) }
        return request
    }

    /// A request as it goes over the wire, for whoever sends it half or does not read the answer.
    package func raw(
        _ method: String, _ target: String, body: [UInt8] = [], fields: [(String, String)] = []
    ) throws -> [UInt8] {
        let url = URL(string: address)
        let host = (url?.host() ?? "") + (url?.port.map { ":\($0)" } ?? "")
        let headers = try request(method, target, body: body, fields: fields).headers
        let lines =
            ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + headers.map { "\($0.name): \($0.value)" }
            + (body.isEmpty ? [] : ["Content-Length: \(body.count)"])
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }

    /// Sends a request and reads the whole answer.
    package func send(
        _ method: String, _ target: String, body: [UInt8] = [], fields: [(String, String)] = [],
        nonce: [UInt8]? = nil
    ) async throws -> Answer {
        try await execute(try request(method, target, body: body, fields: fields, nonce: nonce))
    }

    /// Sends a request that was made before.
    package func execute(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await http.execute(request, timeout: .seconds(90))
        let body = try await response.body.collect(upTo: 8 << 20)
        return Answer(
            status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView))
    }

    /// Sends a message as protobuf.
    package func send(
        _ method: String, _ target: String, message: some SwiftProtobuf.Message, fields: [(String, String)] = []
    ) async throws -> Answer {
        try await send(
            method, target, body: try message.serializedBytes(),
            fields: [("Content-Type", "application/protobuf")] + fields)
    }
}

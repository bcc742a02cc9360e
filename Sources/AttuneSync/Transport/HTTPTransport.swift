// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// A relay, or a device that serves its circle, over HTTP with signed requests (RFC 9421).
///
/// Answers are read up to a cap and a deadline, whatever they announce.
package final class HTTPTransport: SyncTransport {
    /// Seconds that a question may take, and a chunk.
    package struct Deadlines: Sendable {
        package var message = 30.0
        package var chunk = 300.0
        package init() {}
    }

    /// What an answer may have: a page of entries is the largest.
    static let answerBytes = 8 << 20

    package let remote: String
    package let remoteName: String
    let client: HTTPClient
    let address: RemoteAddress
    let circle: CircleID
    let device: DeviceID
    let deadlines: Deadlines
    private let sign: @Sendable ([UInt8]) throws -> [UInt8]
    private let upload: RateLimit
    private let download: RateLimit
    private let state: Mutex<State>

    /// A request that is signed when it is sent: a signature holds for 300 s, and a turn may take long to come.
    struct Call: Sendable {
        let method: HTTPMethod
        let path: String
        var query: String?
        var body: [UInt8] = []
        var fields: HTTPHeaders = [:]
    }

    private struct State {
        var clockOffset: Int64
        var sent = 0
        var received = 0
        /// The stream of events is held back by something between here and the remote.
        var polls = false
    }

    /// - Parameters:
    ///   - client: its TLS settings say which servers are trusted; redirects must be off, as `makeClient` has them.
    ///   - remote: the name that marks and evidence are kept under; the address if nil.
    ///   - remoteName: the name for people; `remote` if nil.
    ///   - clockOffset: milliseconds to add to this machine's clock.
    ///   - sign: gives the device's Ed25519 signature.
    package init(
        client: HTTPClient, address: RemoteAddress, remote: String? = nil, remoteName: String? = nil, circle: CircleID,
        device: DeviceID, clockOffset: Int64 = 0, uploadLimit: Int? = nil, downloadLimit: Int? = nil,
        deadlines: Deadlines = Deadlines(), sign: @escaping @Sendable ([UInt8]) throws -> [UInt8]
    ) {
        self.client = client
        self.address = address
        let remote = remote ?? address.base
        self.remote = remote
        self.remoteName = remoteName ?? remote
        self.circle = circle
        self.device = device
        self.deadlines = deadlines
        self.sign = sign
        upload = RateLimit(bytesPerSecond: uploadLimit)
        download = RateLimit(bytesPerSecond: downloadLimit)
        state = Mutex(State(clockOffset: clockOffset))
    }

    /// A client as sync wants it: no redirects, no compression, short idle times.
    ///
    /// - Parameter tls: for a device on the local network, whose key is pinned; nil for the system's roots.
    package static func makeClient(tls: TLSConfiguration? = nil) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(90), write: .seconds(90)), decompression: .disabled)
        configuration.connectionPool.idleTimeout = .seconds(50)
        // The engine tries again, and says so; a second loop inside would only hide it.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func adjustClock(_ offset: Int64) { state.withLock { $0.clockOffset = offset } }

    package var traffic: (sent: Int, received: Int) { state.withLock { ($0.sent, $0.received) } }

    var pollsForNews: Bool {
        get { state.withLock { $0.polls } }
        set { state.withLock { $0.polls = newValue } }
    }

    /// Milliseconds since 1970 by the remote's clock, as far as it is known.
    private var now: Int64 {
        let local = Date().timeIntervalSince1970 * 1000
        let (sum, overflows) = Int64(local).addingReportingOverflow(state.withLock { $0.clockOffset })
        return overflows ? Int64(local) : max(0, sum)
    }

    func call(
        _ method: HTTPMethod, _ path: String, query: String? = nil, body: [UInt8] = [],
        type: String = "application/protobuf", accept: String = "application/protobuf",
        fields: [(String, String)] = []
    ) -> Call {
        var call = Call(method: method, path: path, query: query, body: body, fields: HTTPHeaders(fields))
        call.fields.add(name: "Accept", value: accept)
        if !body.isEmpty || method == .POST { call.fields.add(name: "Content-Type", value: type) }
        return call
    }

    /// The request of a call, signed as of now.
    ///
    /// - Throws: `RemoteFailure.unauthorised` if it cannot be signed.
    func signed(_ call: Call) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address.base + call.path + (call.query.map { "?\($0)" } ?? ""))
        request.method = call.method
        request.headers = call.fields
        let signature = RequestSignature(
            created: UInt64(now / 1000), nonce: SecretBytes(random: 16).withUnsafeBytes { Array($0) }, device: device)
        do {
            let signed = try signature.fields(
                method: call.method.rawValue, authority: address.authority, path: call.path, query: call.query,
                body: call.body, sign: sign)
            for (name, value) in signed { request.headers.add(name: name, value: value) }
        } catch {
            throw RemoteFailure.unauthorised("the request cannot be signed: \(error)")
        }
        if call.fields.contains(name: "Content-Type") { request.body = body(call.body) }
        return request
    }

    private func body(_ bytes: [UInt8]) -> HTTPClientRequest.Body {
        let buffer = ByteBuffer(bytes: bytes)
        if upload.isUnlimited { return .bytes(buffer) }
        return .stream(
            SlowBody(buffer: buffer, limit: upload), length: .known(Int64(bytes.count)))
    }

    /// Sends a request and reads its answer.
    ///
    /// - Throws: `RemoteFailure` for anything but a status of 200 to 299, or one of `also`.
    func send(
        _ call: Call, limit: Int = HTTPTransport.answerBytes, seconds: Double? = nil,
        also: Set<UInt> = []
    ) async throws -> (status: UInt, fields: HTTPHeaders, body: [UInt8]) {
        let seconds = seconds ?? deadlines.message
        let client = client
        let answer = try await Deadline.run(seconds: seconds) {
            let response = try await client.execute(
                try self.signed(call), timeout: .milliseconds(Int64(seconds * 1000)))
            return (response.status.code, response.headers, try await self.collect(response, limit: limit))
        }
        state.withLock { $0.sent += call.body.count }
        let (status, fields, body) = answer
        guard (200..<300).contains(status) || also.contains(status) else {
            throw RemoteFailure(status: status, fields: fields, body: body, now: now)
        }
        return (status, fields, body)
    }

    private func collect(_ response: HTTPClientResponse, limit: Int) async throws -> [UInt8] {
        if let announced = response.headers.first(name: "Content-Length").flatMap({ Int($0) }), announced > limit {
            throw RemoteFailure.malformed("an answer of \(announced) bytes")
        }
        var bytes: [UInt8] = []
        for try await part in response.body {
            guard bytes.count + part.readableBytes <= limit else {
                throw RemoteFailure.malformed("an answer of more than \(limit) bytes")
            }
            try await download.pass(part.readableBytes)
            bytes += part.readableBytesView
            state.withLock { $0.received += part.readableBytes }
        }
        return bytes
    }
}

/// A body whose parts wait for their turn.
private struct SlowBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let buffer: ByteBuffer
    let limit: RateLimit

    struct AsyncIterator: AsyncIteratorProtocol {
        var buffer: ByteBuffer
        let limit: RateLimit

        mutating func next() async throws -> ByteBuffer? {
            guard let part = buffer.readSlice(length: Swift.min(16 << 10, buffer.readableBytes)),
                part.readableBytes > 0
            else { return nil }
            try await limit.pass(part.readableBytes)
            return part
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(buffer: buffer, limit: limit) }
}

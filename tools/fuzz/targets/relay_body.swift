// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import HTTPTypes
import HummingbirdCore
import NIOCore
import SwiftProtobuf

@testable import AttuneRelay

/// The body of a request to the relay, as protobuf and as JSON, up to where signatures and the store come in.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    let body = ByteBuffer(bytes: bytes)
    for request in requests {
        if let message = read(body, request, as: ProtoEntries.self) {
            for entry in message.entries { attempt { _ = try Entry(parsing: Array(entry)) } }
            answer(message)
        }
        if let message = read(body, request, as: ProtoLinks.self) {
            for link in message.links { attempt { _ = try Link(link) } }
            answer(message)
        }
        if let message = read(body, request, as: ProtoCreateCircle.self) {
            attempt { _ = try DeviceChain(genesis: Link(message.genesis)) }
        }
        if let message = read(body, request, as: ProtoChunkIDs.self) {
            let ids = message.ids.compactMap { ChunkID($0) }
            precondition(ids.count <= message.ids.count)
        }
    }
    let target = String(decoding: bytes, as: UTF8.self)
    let (path, query) = RelayService.split(target)
    precondition(path.utf8.count + (query.map { $0.utf8.count + 1 } ?? 0) == target.utf8.count)
    let request = Request(
        head: HTTPRequest(method: .get, scheme: nil, authority: nil, path: target), body: .init(buffer: ByteBuffer()))
    if let device = request.uri.queryParameters["device"] { _ = DeviceID(hex: String(device)) }
    return 0
}

private let requests = ["application/protobuf", "application/json"].map { type in
    Request(
        head: HTTPRequest(
            method: .post, scheme: "http", authority: "relay.example", path: "/v1",
            headerFields: [.contentType: type, .accept: type]),
        body: .init(buffer: ByteBuffer()))
}

private func read<Content: Message>(_ body: ByteBuffer, _ request: Request, as type: Content.Type) -> Content? {
    do {
        return try Bodies.decode(body, of: request, as: type)
    } catch {
        precondition(error is RelayError, "not an error of the relay: \(error)")
        return nil
    }
}

/// What was read can be written in both forms.
private func answer(_ message: some Message) {
    for request in requests { attempt { _ = try Bodies.answer(message, to: request) } }
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import HTTPTypes
import HummingbirdCore
import NIOCore
import SwiftProtobuf

/// Reads and writes bodies: protobuf, or its JSON mapping where the client asks for it.
enum Bodies {
    private enum Form {
        case protobuf
        case json
    }

    /// The message in a body.
    static func decode<Message: SwiftProtobuf.Message>(
        _ body: ByteBuffer, of request: Request, as type: Message.Type = Message.self
    ) throws -> Message {
        do {
            switch try form(request.headers[.contentType]) {
            case .protobuf: return try Message(serializedBytes: Array(body.readableBytesView))
            case .json: return try Message(jsonUTF8Bytes: Array(body.readableBytesView))
            }
        } catch let error as RelayError {
            throw error
        } catch {
            throw RelayError.malformed("the body is no \(Message.protoMessageName)")
        }
    }

    private static func form(_ type: String?) throws -> Form {
        switch type?.split(separator: ";").first.map({ $0.lowercased().filter { $0 != " " } }) {
        case nil, "application/protobuf", "application/x-protobuf": return .protobuf
        case "application/json": return .json
        default: throw RelayError.unsupportedType
        }
    }

    /// Whether an answer is protobuf; JSON otherwise.
    ///
    /// - Throws: `RelayError.notAcceptable`.
    static func isProtobufAccepted(by request: Request) throws -> Bool {
        let accepted = (request.headers[.accept] ?? "*/*").lowercased()
        if accepted.contains("*/*") || accepted.contains("application/*") || accepted.contains("protobuf") {
            return true
        }
        guard accepted.contains("application/json") else { throw RelayError.notAcceptable }
        return false
    }

    /// An answer with a message, as the client prefers.
    static func answer(
        _ message: some SwiftProtobuf.Message, to request: Request, status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let buffer: ByteBuffer
        let type: String
        if try isProtobufAccepted(by: request) {
            buffer = ByteBuffer(bytes: try message.serializedBytes() as [UInt8])
            type = "application/protobuf"
        } else {
            buffer = ByteBuffer(bytes: try message.jsonUTF8Bytes() as [UInt8])
            type = "application/json"
        }
        return Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"], body: .init(byteBuffer: buffer))
    }

    /// An answer without a body.
    static func empty(_ status: HTTPResponse.Status) -> Response {
        Response(status: status, headers: [.cacheControl: "no-store"])
    }
}

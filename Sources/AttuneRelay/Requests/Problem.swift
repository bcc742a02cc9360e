// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes
import SwiftProtobuf

/// Answers of errors: RFC 9457 problem details with a stable code; never a byte of what was sent.
enum Problem {
    static func response(_ error: RelayError) -> Response {
        let (head, body) = content(of: error)
        return Response(status: head.status, headers: head.headerFields, body: .init(byteBuffer: body))
    }

    /// The answer that ends a connection whose request was no request; without its body if `method` is HEAD.
    static func lastParts(_ error: RelayError, to method: HTTPRequest.Method?) -> [HTTPResponsePart] {
        let (answer, body) = content(of: error)
        var head = answer
        head.headerFields[.connection] = "close"
        head.headerFields[.contentLength] = String(body.readableBytes)
        return [.head(head)] + (method == .head ? [] : [.body(body)]) + [.end(nil)]
    }

    private static func content(of error: RelayError) -> (head: HTTPResponse, body: ByteBuffer) {
        var problem = ProtoProblem()
        problem.type = "urn:attune:problem:\(error.code)"
        problem.title = error.message
        problem.status = UInt32(error.status)
        problem.code = error.code
        problem.detail = error.remedy ?? ""
        let json = (try? problem.jsonString()) ?? "{}"
        var fields: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        for (name, value) in error.fields {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return (HTTPResponse(status: .init(code: error.status), headerFields: fields), ByteBuffer(string: json))
    }
}

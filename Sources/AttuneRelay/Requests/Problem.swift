// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import HTTPTypes
import HummingbirdCore
import NIOCore
import SwiftProtobuf

/// Answers of errors: RFC 9457 problem details with a stable code; never a byte of what was sent.
enum Problem {
    static func response(_ error: RelayError) -> Response {
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
        return Response(
            status: .init(code: error.status), headers: fields, body: .init(byteBuffer: ByteBuffer(string: json)))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneWire
import Foundation
import NIOHTTP1
import SwiftProtobuf

extension RemoteFailure {
    /// What a status that is no success means.
    ///
    /// - Parameter now: milliseconds since 1970 by the clock that the request was signed with.
    init(status: UInt, fields: HTTPHeaders, body: [UInt8], now: Int64) {
        let code = Self.code(body)
        let refusal = code.flatMap(RelayFailure.init(rawValue:))
        switch status {
        case 401: self = Self.unauthorised(code, fields, now)
        case 403: self = refusal == .inviteRequired ? .unauthorised("it opens circles by invitation only") : .forbidden
        case 404: self = refusal == .noCircle ? .unknownCircle : .notFound
        case 409, 412: self = .conflict
        case 410: self = .deleted(until: fields.first(name: "Attune-Deleted-Until").flatMap { Int64($0) })
        case 413: self = .tooLarge
        case 429, 503:
            self = .busy(retryAfter: fields.first(name: "Retry-After").flatMap { Int($0) }.map { max(0, $0) })
        case 507: self = .full
        case 500...599: self = .server(Int(status))
        default: self = .malformed("status \(status)" + (code.map { " (\($0))" } ?? ""))
        }
    }

    private static func unauthorised(_ code: String?, _ fields: HTTPHeaders, _ now: Int64) -> RemoteFailure {
        // A nonce that was seen: the next try has another one.
        if code == RelayFailure.replayed.rawValue { return .server(401) }
        if let time = fields.first(name: "Attune-Time").flatMap({ Int64($0) }), (0..<1 << 53).contains(time) {
            let offset = time - now
            if abs(offset) >= Int64(WireLimits.clockSkew) * 1000 { return .clock(offset: offset) }
        }
        return .unauthorised("the signature of a request was refused" + (code.map { " (\($0))" } ?? ""))
    }

    /// The stable code of problem details (RFC 9457), as JSON or as a message.
    private static func code(_ body: [UInt8]) -> String? {
        guard body.count <= 16 << 10 else { return nil }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        options.messageDepthLimit = 8
        let problem =
            (try? ProtoProblem(jsonUTF8Bytes: body, options: options)) ?? (try? ProtoProblem(serializedBytes: body))
        guard let code = problem?.code, (1...32).contains(code.utf8.count),
            code.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
        return code
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import HTTPTypes
import NIOCore

/// The first line of a request as it came: the parser takes more for one than it is (RFC 9112, section 3).
struct RequestLine {
    private var bytes: [UInt8] = []
    private var isWhole = false

    /// Takes what comes of a head; of interest is only the first line, and no more of it than a head may have.
    mutating func take(_ part: ByteBufferView, limit: Int) {
        guard !isWhole else { return }
        for byte in part {
            if byte == 10 {
                // Empty lines before a request are none of it.
                isWhole = bytes.contains { $0 != 13 }
                if isWhole { return }
                bytes = []
            } else if bytes.count <= limit {
                bytes.append(byte)
            }
        }
    }

    /// Method, target and version; nil unless one space stands between them and nowhere else.
    fileprivate var parts: (target: String, version: String)? {
        let line = bytes.last == 13 ? bytes.dropLast() : bytes[...]
        let parts = line.split(separator: 32, omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        return (String(decoding: parts[1], as: UTF8.self), String(decoding: parts[2], as: UTF8.self))
    }
}

/// What the head of a request says of the rest; only of a head that is as it has to be.
struct RequestHead {
    /// Nil if the body is in parts, and nobody knows how many bytes they have.
    let bodyBytes: Int?
    /// Whether it is of HTTP/1.0, which knows no answer whose length nobody knows.
    let isOld: Bool
    /// Whether the connection ends with the request.
    let isLast: Bool
    /// Whether its sender waits to be told that the body is wanted (RFC 9110, section 10.1.1).
    let expectsContinue: Bool

    /// - Throws: `RelayError.malformed`, `.coding`, `.expectation`.
    init(_ head: HTTPRequest, _ line: RequestLine) throws(RelayError) {
        guard let (target, version) = line.parts else {
            throw .malformed("the first line of a request is a method, a target and a version, one space between them")
        }
        // The parser takes RTSP, ICE and later minor versions too.
        guard ["HTTP/1.0", "HTTP/1.1"].contains(version) else {
            throw .malformed("this is no request of HTTP/1.1")
        }
        isOld = version == "HTTP/1.0"
        try Self.checkHost(head, target, isOld: isOld)

        let fields = head.headerFields
        let codings = fields[.transferEncoding].map { Self.words($0) }
        let isInParts = codings == ["chunked"]
        // Only a body whose last coding is chunked has an end that the relay can see (RFC 9112, section 6.1).
        guard let length = Int(fields[.contentLength] ?? "0"), length >= 0,
            codings == nil || codings?.last == "chunked" && !isOld
        else { throw .malformed("nobody can tell where the body of the request ends") }
        guard codings == nil || isInParts else { throw .coding }
        bodyBytes = isInParts ? nil : length
        let isOtherProtocol = fields[.upgrade] != nil || head.method == .connect
        // The parser keeps whatever follows for the other protocol, a body of this request among it.
        guard !isOtherProtocol || bodyBytes == 0 else {
            throw .malformed("a request for another protocol cannot have a body")
        }
        let options = Self.words(fields[.connection] ?? "")
        // Parts of a body have heads of their own, from which RequestBytes does not tell those of requests.
        isLast = isInParts || isOtherProtocol || isOld || options.contains("close")

        let expectation = isOld ? nil : fields[.expect]?.lowercased()
        guard expectation == nil || expectation == "100-continue" else { throw .expectation }
        expectsContinue = expectation != nil && bodyBytes != 0
    }

    private static func words(_ list: String) -> [String] {
        list.lowercased().split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    }

    /// One field names the host, and the target another one nowhere (RFC 9112, sections 3.2 and 3.2.2).
    private static func checkHost(_ head: HTTPRequest, _ target: String, isOld: Bool) throws(RelayError) {
        // The first one is kept apart from the other fields.
        let isOnly = hostField.map { head.headerFields[$0] == nil } ?? true
        guard isOnly else { throw .malformed("the request has more than one Host field") }
        guard let host = head.authority else {
            if isOld { return }
            throw .malformed("the request has no Host field")
        }
        guard isHost(host) else { throw .malformed("the Host field of the request names no host") }
        guard head.method != .connect, !target.hasPrefix("/"), target != "*" else { return }
        guard let slashes = target.firstRange(of: "://"),
            target[slashes.upperBound...].prefix(while: { $0 != "/" && $0 != "?" }).lowercased() == host.lowercased()
        else { throw .malformed("the target of the request is no path, and names another host than its Host field") }
    }

    /// Whether it is a name or an address, with a port or without (RFC 3986, section 3.2.2); an empty name is none.
    private static func isHost(_ text: String) -> Bool {
        var port: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let address = try? SocketAddress(ipAddress: String(text[..<end].dropFirst()), port: 0)
            guard address?.protocol == .inet6 else { return false }
            port = text[end...].dropFirst()
        } else {
            let name = text.prefix { $0 != ":" }
            guard !name.isEmpty, isRegistered(name) else { return false }
            port = text[name.endIndex...]
        }
        if port.isEmpty { return true }
        guard port.removeFirst() == ":" else { return false }
        return port.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Letters, digits, the marks that need no escape, and other bytes as `%41`.
    private static func isRegistered(_ name: Substring) -> Bool {
        let pieces = name.split(separator: "%", omittingEmptySubsequences: false)
        return pieces.dropFirst().allSatisfy { Hex.decode(String($0.prefix(2)))?.count == 1 }
            && pieces.allSatisfy { piece in
                piece.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                    default: marks.contains(byte)
                    }
                }
            }
    }

    private static let hostField = HTTPField.Name("Host")
    private static let marks = Set("-._~!$&'()*+,;=".utf8)
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A TCP connection without any HTTP, from whichever loopback address is wanted.
package struct RawConnection {
    package let port: Int
    /// Such as `127.3.0.9`, which a server takes for another machine's.
    package var source = "127.0.0.1"

    package init(port: Int, source: String = "127.0.0.1") {
        self.port = port
        self.source = source
    }

    /// Sends bytes and breaks the connection after so many microseconds.
    package func abandon(_ text: String, after delay: UInt32) throws {
        let descriptor = try sending(Array(text.utf8), seconds: 5)
        usleep(delay)
        var reset = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    /// Sends bytes and returns what comes back until the other side closes, or for so many seconds.
    package func exchange(_ text: String, seconds: Int = 15) throws -> String {
        try exchange(Array(text.utf8), seconds: seconds)
    }

    package func exchange(_ bytes: [UInt8], seconds: Int = 15) throws -> String {
        try exchange([bytes], seconds: seconds)
    }

    /// As above, in several parts a moment apart.
    package func exchange(_ parts: [[UInt8]], seconds: Int = 15) throws -> String {
        let descriptor = try opened(blocking: true)
        for part in parts {
            if part != parts.first { usleep(3000) }
            send(part, to: descriptor, seconds: seconds)
        }
        defer { close(descriptor) }
        return received(from: descriptor)
    }

    /// Sends bytes, and the rest once `word` came back; returns what came before the rest was sent, and after it.
    package func exchange(
        _ first: String, then rest: String, after word: String, seconds: Int = 15
    ) throws -> (before: String, after: String) {
        let descriptor = try sending(Array(first.utf8), seconds: seconds)
        defer { close(descriptor) }
        let before = received(from: descriptor, until: word)
        guard before.hasSuffix(word) else { return (before, "") }
        send(Array(rest.utf8), to: descriptor, seconds: seconds)
        return (before, received(from: descriptor))
    }

    /// Sends bytes and that no more come, and returns what comes back.
    package func exchange(ending bytes: String, seconds: Int = 15) throws -> String {
        let descriptor = try sending(Array(bytes.utf8), seconds: seconds)
        defer { close(descriptor) }
        shutdown(descriptor, Int32(SHUT_WR))
        return received(from: descriptor)
    }

    private func received(from descriptor: Int32, until word: String? = nil) -> String {
        let end = word.map { Array($0.utf8) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end, answer.suffix(end.count) == end[...] { break }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0, answer.count < 1 << 20 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// A request of HTTP/1.1 that ends its connection.
    package func request(
        _ method: String, _ target: String, fields: [String] = [], body: [UInt8] = []
    ) throws -> (status: Int, answer: String) {
        let head =
            ["\(method) \(target) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"] + fields
            + (body.isEmpty ? [] : ["Content-Length: \(body.count)"])
        let answer = try exchange(Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body, seconds: 10)
        return (Int(answer.dropFirst(9).prefix(3)) ?? 0, answer)
    }

    /// A socket that is connected, or connecting.
    ///
    /// - Throws: `POSIXError` if the system has none.
    package func opened(blocking: Bool, receiveBuffer: Int32? = nil) throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, blocking ? kind : kind | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        // Ports are chosen when connecting (IP_BIND_ADDRESS_NO_PORT), so that one address can have as many as another.
        var late: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_IP), 24, &late, 4)
        var own = Self.address(source, port: 0)
        var peer = Self.address("127.0.0.1", port: port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
        }
        let status = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard isBound, status == 0 || !blocking && errno == EINPROGRESS else {
            close(descriptor)
            throw POSIXError(.ECONNREFUSED)
        }
        return descriptor
    }

    private func sending(_ bytes: [UInt8], seconds: Int) throws -> Int32 {
        let descriptor = try opened(blocking: true)
        send(bytes, to: descriptor, seconds: seconds)
        return descriptor
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32, seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            offset += count
        }
    }

    private static func address(_ text: String, port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr(text)
        return address
    }
}

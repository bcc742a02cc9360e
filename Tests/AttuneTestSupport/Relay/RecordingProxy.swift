// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A TCP proxy on loopback that keeps every byte that passes, in both directions.
package final class RecordingProxy: Sendable {
    /// Where clients connect.
    package let port: UInt16
    private let target = Mutex<UInt16>(0)
    private let following = Mutex<UInt16?>(nil)
    private let listener: Int32
    private let keeps: Bool
    private let record = Mutex<Data>(Data())
    private let passed = Atomic<Int>(0)
    private let sockets = Mutex<Set<Int32>>([])

    /// Takes a port; nothing passes before `start`.
    ///
    /// - Parameter keeps: whether the bytes are kept, or only counted.
    package init(keeps: Bool = true) throws {
        self.keeps = keeps
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, generic, &length) == 0
            }
        }
        guard status else { throw Failure(code: errno) }
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Begins to pass connections on.
    ///
    /// - Parameter target: the port on loopback where they go; another one from a later call on.
    /// - Parameter second: where all connections but the first one from now on go; nil for the same.
    package func start(to target: UInt16, then second: UInt16? = nil) {
        following.withLock { $0 = second }
        guard self.target.withLock({ exchange(&$0, with: target) }) == 0 else { return }
        let thread = Thread { [weak self, listener] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else { return Self.end(client) }
                self.serve(client)
            }
        }
        thread.start()
    }

    deinit { stop() }

    /// Everything that passed so far, one direction after the other as it came.
    package var bytes: Data { record.withLock { $0 } }

    /// How many bytes passed so far, both ways.
    package var count: Int { passed.load(ordering: .relaxed) }

    /// Cuts all connections in the middle of whatever they carry.
    package func cut() { sockets.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    /// Ends all connections and takes no more.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        cut()
    }

    private func serve(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(port: target.withLock { $0 })
        if let second = following.withLock({ exchange(&$0, with: nil) }) { target.withLock { $0 = second } }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard connected else {
            Self.end(client)
            return Self.end(server)
        }
        sockets.withLock { $0.formUnion([client, server]) }
        let pair = Pair(open: 2)
        for (source, sink) in [(client, server), (server, client)] {
            Thread { [weak self] in
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = read(source, &buffer, buffer.count)
                    guard count > 0 else { break }
                    self?.note(buffer[..<count])
                    guard Self.write(buffer[..<count], to: sink) else { break }
                }
                shutdown(sink, Int32(SHUT_WR))
                guard pair.leave() else { return }
                self?.sockets.withLock { $0.subtract([client, server]) }
                Self.end(client)
                Self.end(server)
            }.start()
        }
    }

    private func note(_ bytes: ArraySlice<UInt8>) {
        passed.add(bytes.count, ordering: .relaxed)
        if keeps { record.withLock { $0.append(contentsOf: bytes) } }
    }

    /// Tells which of two threads is the last one.
    private final class Pair: Sendable {
        private let open: Mutex<Int>
        init(open: Int) { self.open = Mutex(open) }
        func leave() -> Bool {
            open.withLock { count in
                count -= 1
                return count == 0
            }
        }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func end(_ descriptor: Int32) { close(descriptor) }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        return address
    }

    private struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "no proxy: \(String(cString: strerror(code)))" }
    }
}

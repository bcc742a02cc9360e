// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneWire
import Foundation
import Testing

/// The configuration that ships for nginx, with other ports and without its certificate.
@Suite("A relay behind nginx") struct ProxyTests {
    private static let nginx = "/usr/sbin/nginx"

    @Test(
        "devices reach it by its name, and strangers are counted by the address that nginx saw",
        .enabled(if: FileManager.default.isExecutableFile(atPath: nginx), "nginx is not installed"))
    func proxied() async throws {
        let relay = try RelayProcess(
            limits: true,
            options: ["--authority", "relay.example.org", "--trusted-proxy", "127.0.0.1", "--open"])
        let folder = try TemporaryDirectory()
        let root = TestBase.tests.deletingLastPathComponent()
        var site = try String(contentsOf: root.appending(path: "Sources/attune-relay/nginx.conf"), encoding: .utf8)
        let port = try Self.freePort()
        site = site.replacingOccurrences(of: "127.0.0.1:8377", with: "127.0.0.1:\(relay.port)")
            .replacingOccurrences(of: "listen 443 ssl", with: "listen 127.0.0.1:\(port)")
            .split(separator: "\n").filter { !$0.contains("ssl_") }.joined(separator: "\n")
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder.path)/\($0);" }.joined(separator: " ")
        let text = """
            daemon off; master_process off; pid \(folder.path)/pid; error_log \(folder.path)/log;
            events { worker_connections 512; }
            http { access_log off; \(temporary) \(site) }
            """
        try text.write(toFile: folder.path + "/nginx.conf", atomically: true, encoding: .utf8)
        let nginx = try ChildProcess(
            Self.nginx, ["-c", folder.path + "/nginx.conf", "-e", folder.path + "/log"], environment: [:],
            folder: folder.path, output: folder.path + "/output", errors: folder.path + "/errors")
        defer { nginx.send(SIGTERM) }

        let founder = SyntheticDevice()
        let circle = try SyntheticCircle(founder: founder, paper: SyntheticDevice(paper: true))
        var client = RelayClient("http://127.0.0.1:\(port)", device: founder, circle: circle.id)
        client.authority = "relay.example.org"
        let host = ("Host", "relay.example.org")
        var message = ProtoCreateCircle()
        message.genesis = circle.links[0].signed
        var created = 0
        for _ in 0..<100 where created == 0 {
            created = (try? await client.send("POST", "/v1/circles", message: message, fields: [host]).status) ?? 0
            if created == 0 { try await Task.sleep(for: .milliseconds(100)) }
        }
        #expect(created == 201, "\((try? String(contentsOfFile: folder.path + "/errors", encoding: .utf8)) ?? "")")
        let chunk = SyntheticCircle.chunk()
        let put = try await client.send("PUT", client.home + "/chunks/\(chunk.id)", body: chunk.bytes, fields: [host])
        #expect(put.status == 201)
        #expect(try await client.send("GET", client.home + "/chunks/\(chunk.id)", fields: [host]).body == chunk.bytes)
        #expect(try await client.send("GET", "/metrics", fields: [host]).status == 404)

        // Whatever a client says of itself, its ration is one; another address has its own.
        var statuses: [Int] = []
        for number in 0..<60 where statuses.last != 429 {
            statuses.append(
                try RawConnection(port: port).request(
                    "GET", "/v1/info", fields: ["X-Forwarded-For: 203.0.113.\(number)"]
                ).status)
        }
        #expect(statuses.last == 429)
        #expect(try RawConnection(port: port, source: "127.0.0.9").request("GET", "/v1/info").status == 200)
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

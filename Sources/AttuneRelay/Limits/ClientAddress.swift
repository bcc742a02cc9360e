// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import NIOCore

/// The address that a request counts for.
struct ClientAddress: Hashable, Sendable {
    /// Whether the connection itself comes from this machine, and no proxy says that it passes something on.
    let isLocal: Bool
    /// What limits are counted by: an IPv4 address, and the /64 of an IPv6 one, which a customer has whole.
    let bucket: String
    /// Those that probably belong together: an IPv4 /16, an IPv6 /48.
    let network: String

    /// - Parameter trusted: proxies whose `X-Forwarded-For` is believed; from others the field means nothing.
    init(_ channel: any Channel, fields: HTTPFields, trusted: Set<String>) {
        let peer = channel.remoteAddress?.ipAddress ?? "local"
        let forwarded = HTTPField.Name("X-Forwarded-For").flatMap { fields[$0] }
        let isPassedOn = forwarded != nil || Self.proxyFields.contains { fields[$0] != nil }
        guard trusted.contains(peer), let forwarded else {
            self.init(peer, isPassedOn: isPassedOn)
            return
        }
        // The last address that a trusted proxy did not add itself is the client's.
        let hops = forwarded.split(separator: ",").map { String($0.filter { $0 != " " }) }
        self.init(String((hops.last { !trusted.contains($0) } ?? peer).prefix(45)), isPassedOn: true)
    }

    /// - Parameter text: an IPv4 or IPv6 address; anything else stands for itself.
    init(_ text: String, isPassedOn: Bool = false) {
        let bytes = Self.bytes(of: text)
        switch bytes?.count {
        case 4:
            bucket = bytes?.map(String.init).joined(separator: ".") ?? text
            network = bytes?.prefix(2).map(String.init).joined(separator: ".") ?? text
        case 16:
            bucket = Self.prefix(of: bytes ?? [], bytes: 8)
            network = Self.prefix(of: bytes ?? [], bytes: 6)
        default:
            bucket = text
            network = text
        }
        isLocal = !isPassedOn && (text == "local" || bytes?.count == 4 && bytes?.first == 127 || text == "::1")
    }

    /// Other fields by which a proxy shows itself.
    private static let proxyFields = ["Forwarded", "Via", "X-Real-IP"].compactMap { HTTPField.Name($0) }

    /// Four or sixteen bytes; an IPv4 address within IPv6 is one of four.
    private static func bytes(of text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var sixteen = in6_addr()
        let plain = text.split(separator: "%").first.map(String.init) ?? text
        guard inet_pton(AF_INET6, plain, &sixteen) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: &sixteen) { Array($0) }
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return isMapped ? Array(bytes.suffix(4)) : bytes
    }

    private static func prefix(of bytes: [UInt8], bytes count: Int) -> String {
        stride(from: 0, to: count, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }
}

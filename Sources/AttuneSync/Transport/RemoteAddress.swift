// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The address of a remote, `http` or `https`, with the base path that it may have.
package struct RemoteAddress: Hashable, Sendable, CustomStringConvertible {
    /// Scheme, host, port and base path, without a slash at the end.
    package let base: String
    /// Host, and port where it is not the scheme's own, in lower case: what signed requests name.
    package let authority: String

    /// Fails unless it is an `http` or `https` URL without user, query and fragment, of at most 1,024 bytes.
    ///
    /// A name in other letters than ASCII is kept in its encoded form (RFC 5891).
    package init?(_ text: String) {
        guard text.utf8.count <= 1024, let components = URLComponents(string: text),
            let scheme = components.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = components.encodedHost?.lowercased(), Self.isHost(host), components.user == nil,
            components.query == nil, components.fragment == nil
        else { return nil }
        let own = scheme == "http" ? 80 : 443
        let port = components.port.flatMap { $0 == own ? nil : ":\($0)" } ?? ""
        var path = components.percentEncodedPath
        while path.hasSuffix("/") { path.removeLast() }
        authority = host + port
        base = "\(scheme)://\(host)\(port)\(path)"
        // Escapes make a path longer; what is kept has to be readable again.
        guard base.utf8.count <= 1024 else { return nil }
    }

    package var description: String { base }

    /// Whether it is a name, an IPv4 address or an IPv6 address in brackets: nothing that is read in two ways.
    private static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]"), host.utf8.count > 2 {
            return host.utf8.dropFirst().dropLast().allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == 0x3a || $0 == 0x2e
            }
        }
        return !host.isEmpty
            && host.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
            }
    }
}

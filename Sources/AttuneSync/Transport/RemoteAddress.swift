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
    package init?(_ text: String) {
        guard text.utf8.count <= 1024, let components = URLComponents(string: text),
            let scheme = components.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = components.host?.lowercased(), !host.isEmpty, components.user == nil, components.query == nil,
            components.fragment == nil
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
}

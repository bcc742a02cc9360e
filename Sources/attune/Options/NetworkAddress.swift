// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A host and a port, such as `192.168.1.5:7411` or `[::1]:0`.
struct NetworkAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...])
        else { return nil }
        let name = argument[..<colon]
        host = String(name.hasPrefix("[") && name.hasSuffix("]") ? name.dropFirst().dropLast() : name)
        self.port = Int(port)
        guard !host.isEmpty else { return nil }
    }

    /// As it is written.
    func text(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

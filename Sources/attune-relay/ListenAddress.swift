// Attune
// SPDX-License-Identifier: Apache-2.0

/// An address and a port, such as `127.0.0.1:8377` or `[::1]:0`.
struct ListenAddress {
    let host: String
    let port: Int

    /// - Throws: `RelayProcessError` E-RELAY-034.
    init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw RelayProcessError.option("--listen is ADDRESS:PORT, such as 127.0.0.1:8377, and not \(text)")
        }
        let name = text[..<colon]
        host = String(name.hasPrefix("[") && name.hasSuffix("]") ? name.dropFirst().dropLast() : name)
        self.port = Int(port)
        guard !host.isEmpty else { throw RelayProcessError.option("--listen is ADDRESS:PORT, and not \(text)") }
    }

    var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" || host == "localhost" }
    /// As it stands in a URL.
    var shownHost: String { host.contains(":") ? "[\(host)]" : host }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// A device that serves a circle on the local network, as the network shows it: nothing of it is proven.
package struct NearbyService: Hashable, Sendable {
    /// What tells one announcement from another.
    package let name: String
    package let address: String
    package let port: Int
    package let mark: NearbyMark

    /// Reads a line of `avahi-browse --resolve --parsable`; nil for anything but a resolved service of ours.
    ///
    /// Addresses that hold on one link only are passed over: no URL can name them.
    package init?(line: Substring) {
        let fields = line.split(separator: ";", maxSplits: 9, omittingEmptySubsequences: false)
        guard fields.count == 10, fields[0] == "=", fields[4] == Avahi.serviceType, fields[3].utf8.count <= 256,
            let port = UInt16(fields[8]), port > 0, Self.isAddress(fields[7]),
            let mark = fields[9].split(separator: " ").lazy.compactMap(Self.mark).first
        else { return nil }
        name = String(fields[3])
        address = String(fields[7])
        self.port = Int(port)
        self.mark = mark
    }

    /// The mark in an item of the TXT record, which stands in quotation marks.
    private static func mark(_ item: Substring) -> NearbyMark? {
        guard item.hasPrefix("\"\(Avahi.markKey)="), item.hasSuffix("\"") else { return nil }
        return NearbyMark(item.dropFirst(Avahi.markKey.count + 2).dropLast())
    }

    private static func isAddress(_ text: Substring) -> Bool {
        (2...45).contains(text.utf8.count) && !text.lowercased().hasPrefix("fe80")
            && text.utf8.allSatisfy { "0123456789abcdefABCDEF.:".utf8.contains($0) }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// Reads an event stream (WHATWG HTML, server-sent events) of a relay: `links` and `entries`, each with a count.
///
/// Other events, fields and comments are passed over. A line has at most 4 KiB.
package struct EventStreamParser: Sendable {
    /// A count that the remote has reached.
    package enum Event: Hashable, Sendable {
        case links(UInt64)
        case entries(UInt64)
    }

    private var line: [UInt8] = []
    private var name = ""
    private var data = ""
    private var endsWithReturn = false

    package init() {}

    /// Takes the next bytes, however they were cut, and gives the events that they complete.
    ///
    /// - Throws: `RemoteFailure.malformed` for a line without end.
    package mutating func take(_ bytes: some Sequence<UInt8>) throws -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            switch byte {
            case 0x0A where endsWithReturn: endsWithReturn = false
            case 0x0A, 0x0D:
                endsWithReturn = byte == 0x0D
                if let event = endLine() { events.append(event) }
            default:
                endsWithReturn = false
                guard line.count < 4096 else { throw RemoteFailure.malformed("an endless line of events") }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { (name, data) = ("", "") }
            guard let count = UInt64(data) else { return nil }
            return switch name {
            case "links": .links(count)
            case "entries": .entries(count)
            default: nil
            }
        }
        let text = String(decoding: line, as: UTF8.self)
        let field = text.prefix { $0 != ":" }
        var value = text.dropFirst(field.count + 1)
        if value.first == " " { value = value.dropFirst() }
        switch field {
        case "event": name = String(value)
        case "data": data = data.isEmpty ? String(value) : data + "\n" + value
        default: break
        }
        // Only the count of one event is kept: a stream of data lines that never ends one stays small.
        if data.utf8.count > 4096 { data = "-" }
        return nil
    }
}

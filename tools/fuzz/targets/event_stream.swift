// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync

/// A stream of events from a relay: however it is cut, it says the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    let whole = events(bytes, step: max(count, 1))
    precondition(events(bytes, step: 1) == whole && events(bytes, step: 7) == whole, "cuts change what is read")
    return 0
}

private func events(_ bytes: UnsafeRawBufferPointer, step: Int) -> [EventStreamParser.Event]? {
    var parser = EventStreamParser()
    var events: [EventStreamParser.Event] = []
    do {
        for start in stride(from: 0, to: bytes.count, by: step) {
            events += try parser.take(bytes[start..<min(start + step, bytes.count)])
        }
        return events
    } catch {
        precondition(error is RemoteFailure, "not a failure of the remote: \(error)")
        return nil
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync
import Testing

@Suite struct EventStreamParserTests {
    private let text =
        ": hello\r\nevent: links\ndata: 7\n\nevent: other\ndata: 1\n\n:\n\nevent:entries\r\ndata:91\r\n\r\n"

    @Test func eventsAreTheSameHoweverTheBytesAreCut() throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var parser = EventStreamParser()
            let events = try parser.take(bytes[..<cut]) + parser.take(bytes[cut...])
            #expect(events == [.links(7), .entries(91)])
        }
    }

    @Test func anEndlessLineIsRefused() throws {
        var parser = EventStreamParser()
        _ = try parser.take(repeatElement(0x61, count: 4096))
        #expect(throws: RemoteFailure.malformed("an endless line of events")) { try parser.take([0x61]) }
    }

    @Test func endlessLinesOfDataStaySmall() throws {
        var parser = EventStreamParser()
        for _ in 0..<10_000 { #expect(try parser.take(Array("data: 123456789\n".utf8)).isEmpty) }
        #expect(try parser.take(Array("\nevent: links\ndata: 3\n\n".utf8)) == [.links(3)])
    }
}

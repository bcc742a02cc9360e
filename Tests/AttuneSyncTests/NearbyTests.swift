// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Testing

@testable import AttuneSync

/// What devices show of themselves on the local network.
@Suite struct NearbyTests {
    private let keys = (1...6).map { EpochKey.random(epoch: $0) }

    @Test func onlyThoseWithAKeyRecogniseAMarkAndOnlyForHours() throws {
        let mark = try #require(NearbyMark(NearbyMark(keys: Array(keys[0..<3]), hour: 480_000).text))
        for key in keys[0..<3] { #expect(mark.isRecognised(by: [key], hour: 480_000)) }
        #expect(mark.isRecognised(by: keys, hour: 480_001))
        #expect(mark.isRecognised(by: keys, hour: 479_999))
        #expect(!mark.isRecognised(by: keys, hour: 480_002))
        #expect(!mark.isRecognised(by: keys, hour: 479_998))
        #expect(!mark.isRecognised(by: Array(keys[3...]), hour: 480_000))
        #expect(!mark.isRecognised(by: [], hour: 480_000))
        // The same key of another epoch number says the same; another hour or chance says something else.
        #expect(NearbyMark(keys: keys, hour: 1).text != NearbyMark(keys: keys, hour: 1).text)
        #expect(NearbyMark(keys: keys, hour: 0).isRecognised(by: keys, hour: 0))
        #expect(NearbyMark(keys: keys, hour: 5).text.count == 2 * (8 + 4 * 8))
    }

    @Test func otherTextsAreNoMarks() {
        let text = NearbyMark(keys: Array(keys[0..<4]), hour: 7).text
        for bad in ["", "00", String(text.prefix(16)), String(text.dropLast()), text + "0011223344556677", "zz" + text]
        {
            #expect(NearbyMark(bad) == nil, "\(bad)")
        }
    }

    @Test func aListOfServicesIsReadAndAnythingElseIsPassedOver() throws {
        let text = NearbyMark(keys: [keys[0]], hour: 7).text
        func line(_ name: String = "8e1f", address: String = "192.0.2.7", port: String = "7411", txt: String? = nil)
            -> Substring
        {
            "=;eth0;IPv4;\(name);_attune._tcp;local;vm.local;\(address);\(port);\(txt ?? "\"a=\(text)\"")"
        }
        let found = try #require(NearbyService(line: line()))
        #expect(found.name == "8e1f")
        #expect(found.address == "192.0.2.7")
        #expect(found.port == 7411)
        #expect(found.mark.text == text)
        #expect(NearbyService(line: line(address: "fd00::2"))?.address == "fd00::2")
        #expect(NearbyService(line: line(txt: "\"v=2\" \"a=\(text)\" \"b=;\""))?.mark.text == text)
        for bad in [
            "", ";;;;;;;;;", line(port: "0"), line(port: "65536"), line(port: "-1"), line(address: "fe80::1"),
            line(address: "a host"), line(address: ""), line(address: "1.2.3.4/../x"), line(txt: ""),
            line(txt: "\"a=\""), line(txt: "a=\(text)"), line(txt: "\"a=\(text)"),
            line(String(repeating: "x", count: 300)),
            line().replacing("=;eth0", with: "+;eth0"), line().replacing("_attune", with: "_http"),
            "=;eth0;IPv4;8e1f;_attune._tcp;local",
        ] { #expect(NearbyService(line: bad) == nil, "\(bad)") }
    }
}

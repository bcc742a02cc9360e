// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Testing

@Suite struct HexTests {
    @Test func bytesSurviveTheRoundTrip() throws {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }

    @Test(arguments: ["0", "0g", "é0"]) func anythingElseIsRefused(_ text: String) { #expect(Hex.decode(text) == nil) }
}

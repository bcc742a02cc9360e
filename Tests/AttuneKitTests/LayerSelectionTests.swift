// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import AttuneTestSupport
import Testing

@Suite struct LayerSelectionTests {
    @Test func layersAreRead() throws {
        #expect(try LayerSelection("all")?.layers(of: 3) == [0, 1, 2])
        #expect(try LayerSelection("last:2")?.layers(of: 5) == [3, 4])
        #expect(try LayerSelection("3,0-1,3")?.layers(of: 4) == [0, 1, 3])
        for text in ["", "last:", "last:0", "last:-1", "5-3", "-1", "1-", "a", "0-9999999", "1,,2", "1-2-3"] {
            #expect(LayerSelection(text) == nil, "\(text)")
        }
        #expect(code { _ = try LayerSelection("last:9")?.layers(of: 5) } == "E-TRAIN-020")
        #expect(code { _ = try LayerSelection("5")?.layers(of: 5) } == "E-TRAIN-020")
    }
}

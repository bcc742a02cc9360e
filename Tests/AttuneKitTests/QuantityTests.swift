// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import Testing

/// What people write for shares, durations, sizes and layers.
@Suite struct QuantityTests {
    @Test(arguments: [("10%", 0.1), ("0.25", 0.25), ("0", 0), ("0%", 0)])
    func sharesAreRead(text: String, value: Double) { #expect(Quantity.share(text) == value) }

    @Test(arguments: ["", "%", "1", "100%", "-1%", "nan", "inf", "ten", "1e400"])
    func otherSharesAreRefused(text: String) { #expect(Quantity.share(text) == nil) }

    @Test(arguments: [("45", 45.0), ("45s", 45), ("90m", 5400), ("1.5h", 5400)])
    func durationsAreRead(text: String, value: Double) { #expect(Quantity.seconds(text) == value) }

    @Test(arguments: ["", "h", "0", "-5m", "nan", "infh", "5d", "1e400"])
    func otherDurationsAreRefused(text: String) { #expect(Quantity.seconds(text) == nil) }

    @Test(arguments: [
        ("4G", 4 << 30), ("4GiB", 4 << 30), ("4gb", 4 << 30), ("1.5k", 1536), ("123", 123), ("2T", 2 << 40),
    ])
    func sizesAreRead(text: String, value: Int) { #expect(Quantity.bytes(text) == value) }

    @Test(arguments: ["", "G", "iB", "0", "-1M", "nan", "1e300", "99999999T", "4X"])
    func otherSizesAreRefused(text: String) { #expect(Quantity.bytes(text) == nil) }

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

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Testing

/// What people write for shares, durations and sizes.
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

    @Test(arguments: [
        (0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"), (25 << 20, "25 MiB"),
        (300 << 20, "300 MiB"), ((1 << 30) - 1, "1.0 GiB"), (1_395_864_371, "1.3 GiB"), (13_500_000_000, "12.6 GiB"),
        (200 << 30, "200 GiB"),
    ])
    func sizesAreWritten(bytes: Int, text: String) { #expect(Quantity.text(bytes: bytes) == text) }

    @Test func whatIsNeededIsNeverSaidToBeWhatThereIs() {
        for (needed, there) in [(4_400_000_000, 4_390_000_000), (1_048_577, 1_048_575), (600 << 20 | 1, 600 << 20)] {
            let said = [
                Quantity.text(bytes: needed, rounded: .up), Quantity.text(bytes: there, rounded: .down),
            ]
            #expect(said[0] != said[1])
        }
        #expect(Quantity.text(bytes: 4_400_000_000, rounded: .up) == "4.1 GiB")
        #expect(Quantity.text(bytes: 4_400_000_000, rounded: .down) == "4.0 GiB")
        #expect(Quantity.text(bytes: 3 << 30, rounded: .up) == "3.0 GiB")
    }
}

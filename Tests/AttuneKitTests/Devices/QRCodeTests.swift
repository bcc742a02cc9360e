// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import Testing

/// QR symbols against those that the Python package qrcode draws for the same text, version and mask.
@Suite struct QRCodeTests {
    private static let smallest = """
        #######..#.##.#######
        #.....#..###..#.....#
        #.###.#.##.##.#.###.#
        #.###.#..#.#..#.###.#
        #.###.#...#.#.#.###.#
        #.....#.....#.#.....#
        #######.#.#.#.#######
        ........##.##........
        ###.########.##...#..
        #.##....#.....#...##.
        .#.####..##.#...#...#
        .#.##...##....#...#..
        ..##.##.#...#.#.#.#.#
        ........#..#.#.#.#.#.
        #######.#.##.###.####
        #.....#.######.###...
        #.###.#.##.#.###.##.#
        #.###.#..##...#...##.
        #.###.#.##..#...#...#
        #.....#.#.....#...##.
        #######.###.#.#.#.###
        """

    private static func drawn(_ code: QRCode) -> [String] {
        (0..<code.size).map { row in
            String((0..<code.size).map { code[row: row, column: $0] ? "#" : "." })
        }
    }

    @Test func oneLetterIsDrawnAsAPeerDrawsIt() throws {
        let code = try #require(QRCode("A", mask: 0))
        #expect(Self.drawn(code).joined(separator: "\n") == Self.smallest)
    }

    @Test(arguments: [
        ("attune:4-amber-lantern-otter", 2, 25, "d4f2200e60c293cd109ba944edae80d714d851c133d69ecf3d9fa092f9f23486"),
        (
            "attune:4-amber-lantern-otter@https://relay.example:8443/base/path", 5, 33,
            "c70e0d25b84c3469c0e4ee5414eb1d174bf87e25083e3d8489e7abf7f6bb31aa"
        ),
        (String(repeating: "x", count: 106), 7, 37, "d5c20d75439e0d4b55fa8dc133eb46382c75275371fba1b9fa51712806816720"),
        (String(repeating: "y", count: 154), 1, 45, "859f1ad44405bc750cea0af4b6c5826e7fb3b8976d38cacf882f04af3140a21c"),
        (String(repeating: "z", count: 200), 3, 53, "1b4d38e1f78bcaa0343aed2cc66fbb6ab71a7c23946c1bc5eaed1cc27887eec7"),
        (String(repeating: "v", count: 230), 6, 53, "9ebfb861052f29d4530ddaf35f355a9ab22f2ac775f172881f52b7af1d6d4afb"),
        (String(repeating: "w", count: 271), 4, 57, "ff6d9dc7d59c89e430086f6dd3560f33d2f25bca7bf5350576a7eb062ab93de3"),
    ])
    func everyVersionIsDrawnAsAPeerDrawsIt(text: String, mask: Int, size: Int, digest: String) throws {
        let code = try #require(QRCode(text, mask: mask))
        #expect(code.size == size)
        let bytes = Array(Self.drawn(code).joined().utf8)
        #expect(bytes.withUnsafeBytes { SHA256.hash($0) }.description == digest)
    }

    @Test func theMaskIsChosenAndLongTextsAreRefused() throws {
        let code = try #require(QRCode("attune:4-amber-lantern-otter"))
        #expect(QRCode("attune:4-amber-lantern-otter", mask: code.mask) == code)
        #expect(QRCode(String(repeating: "w", count: 272)) == nil)
    }

    @Test func linesHoldTwoRowsEachAndAQuietZone() throws {
        let code = try #require(QRCode("A", mask: 0))
        let lines = code.lines()
        #expect(lines.count == 15)
        #expect(lines.allSatisfy { $0.count == 29 })
        #expect(lines[0] == String(repeating: "█", count: 29))
        // The first two rows of the symbol: a dark row above one that starts and ends dark.
        #expect(lines[2].hasPrefix("████ ▄▄▄▄▄ ██"))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// A QR symbol of a short text: byte mode, error correction level L, versions 1 to 10 (ISO/IEC 18004).
package struct QRCode: Sendable, Equatable {
    /// Modules on each side: 21 to 57.
    package let size: Int
    /// Which of the eight mask patterns was laid over the data.
    package let mask: Int
    /// True where a module is dark, row by row.
    private(set) var dark: [Bool]
    /// True where a module belongs to a pattern and not to the data.
    private var fixed: [Bool]

    /// - Parameter mask: 0 to 7; nil takes the one with the lowest penalty.
    /// - Returns: nil when the text has more than 271 bytes of UTF-8.
    package init?(_ text: String, mask wanted: Int? = nil) {
        let bytes = Array(text.utf8)
        guard let version = QRVersion.smallest(for: bytes.count) else { return nil }
        self.init(version: version, codewords: version.codewords(of: bytes), mask: wanted)
    }

    /// Whether the module at a place is dark; everything outside of the symbol is light.
    package subscript(row row: Int, column column: Int) -> Bool {
        guard 0..<size ~= row, 0..<size ~= column else { return false }
        return dark[row * size + column]
    }

    private init(version: QRVersion, codewords: [UInt8], mask wanted: Int?) {
        var blank = QRCode(size: version.size)
        blank.placePatterns(version)
        blank.place(codewords)
        let candidates = (wanted.map { [$0] } ?? Array(0..<8)).map { QRCode(blank, mask: $0) }
        self = candidates.min { $0.penalty < $1.penalty } ?? blank
    }

    private init(size: Int) {
        self.size = size
        mask = 0
        dark = Array(repeating: false, count: size * size)
        fixed = dark
    }

    private init(_ blank: QRCode, mask: Int) {
        size = blank.size
        self.mask = mask
        dark = blank.dark
        fixed = blank.fixed
        for row in 0..<size {
            for column in 0..<size where !fixed[row * size + column] && Self.isInverted(mask, row, column) {
                dark[row * size + column].toggle()
            }
        }
        placeFormat()
    }

    private static func isInverted(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
        switch mask {
        case 0: (row + column) % 2 == 0
        case 1: row % 2 == 0
        case 2: column % 3 == 0
        case 3: (row + column) % 3 == 0
        case 4: (row / 2 + column / 3) % 2 == 0
        case 5: row * column % 2 + row * column % 3 == 0
        case 6: (row * column % 2 + row * column % 3) % 2 == 0
        default: ((row + column) % 2 + row * column % 3) % 2 == 0
        }
    }

    private mutating func set(_ row: Int, _ column: Int, _ value: Bool) {
        guard 0..<size ~= row, 0..<size ~= column else { return }
        dark[row * size + column] = value
        fixed[row * size + column] = true
    }

    private mutating func placePatterns(_ version: QRVersion) {
        for place in 0..<size {
            set(6, place, place % 2 == 0)
            set(place, 6, place % 2 == 0)
        }
        for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] {
            for down in -4...4 {
                for right in -4...4 {
                    let ring = max(abs(down), abs(right))
                    set(row + down, column + right, ring != 2 && ring != 4)
                }
            }
        }
        let centres = version.alignment
        for row in centres {
            for column in centres where !isFinder(row, column) {
                for down in -2...2 {
                    for right in -2...2 { set(row + down, column + right, max(abs(down), abs(right)) != 1) }
                }
            }
        }
        if let bits = version.information {
            for index in 0..<18 {
                let (near, far) = (index / 3, size - 11 + index % 3)
                set(near, far, bits >> index & 1 == 1)
                set(far, near, bits >> index & 1 == 1)
            }
        }
        placeFormat()
    }

    private func isFinder(_ row: Int, _ column: Int) -> Bool {
        (row == 6 && column == 6) || (row == 6 && column == size - 7) || (row == size - 7 && column == 6)
    }

    /// The level and the mask, twice, with their own error correction.
    private mutating func placeFormat() {
        let data = 0b01 << 3 | mask
        var remainder = data
        for _ in 0..<10 { remainder = remainder << 1 ^ (remainder >> 9) * 0x537 }
        let bits = (data << 10 | remainder) ^ 0x5412
        func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0..<6 { set(index, 8, bit(index)) }
        set(7, 8, bit(6))
        set(8, 8, bit(7))
        set(8, 7, bit(8))
        for index in 9..<15 { set(8, 14 - index, bit(index)) }
        for index in 0..<8 { set(8, size - 1 - index, bit(index)) }
        for index in 8..<15 { set(size - 15 + index, 8, bit(index)) }
        set(size - 8, 8, true)
    }

    /// Lays the bits in pairs of columns from the lower right corner, up and down in turn.
    private mutating func place(_ codewords: [UInt8]) {
        var index = 0
        var right = size - 1
        while right >= 1 {
            if right == 6 { right = 5 }
            for step in 0..<size {
                for column in [right, right - 1] {
                    let upward = (right + 1) & 2 == 0
                    let row = upward ? size - 1 - step : step
                    guard !fixed[row * size + column], index < codewords.count * 8 else { continue }
                    dark[row * size + column] = codewords[index / 8] >> (7 - index % 8) & 1 == 1
                    index += 1
                }
            }
            right -= 2
        }
    }

    /// How hard the symbol is to read, by the four rules of the standard.
    private var penalty: Int {
        var result = 0
        for line in 0..<size {
            for row in [(0..<size).map { self[row: line, column: $0] }, (0..<size).map { self[row: $0, column: line] }]
            {
                result += Self.runs(row) + Self.finders(row)
            }
        }
        for row in 0..<size - 1 {
            for column in 0..<size - 1 {
                let value = self[row: row, column: column]
                if value == self[row: row, column: column + 1], value == self[row: row + 1, column: column],
                    value == self[row: row + 1, column: column + 1]
                {
                    result += 3
                }
            }
        }
        let share = dark.count { $0 } * 20
        let total = size * size
        return result + (abs(share - total * 10) + total - 1) / total * 10 - 10
    }

    private static func runs(_ line: [Bool]) -> Int {
        var result = 0
        var length = 0
        for index in line.indices {
            length = index > 0 && line[index] == line[index - 1] ? length + 1 : 1
            if length == 5 { result += 3 } else if length > 5 { result += 1 }
        }
        return result
    }

    /// Counts what a scanner could take for a finder: 1:1:3:1:1 with four light modules on one side.
    private static func finders(_ line: [Bool]) -> Int {
        let pattern = [true, false, true, true, true, false, true]
        var result = 0
        func light(_ places: Range<Int>) -> Bool { places.allSatisfy { !line.indices.contains($0) || !line[$0] } }
        for start in 0...(line.count - 7) where Array(line[start..<start + 7]) == pattern {
            if light(start - 4..<start) { result += 40 }
            if light(start + 7..<start + 11) { result += 40 }
        }
        return result
    }
}

extension QRCode {
    /// The symbol with its quiet zone, two rows of modules to a line of half blocks.
    ///
    /// - Parameter inverted: for dark terminals, where a printed block is the light module; true is usual.
    package func lines(inverted: Bool = true) -> [String] {
        let quiet = 4
        return stride(from: -quiet, to: size + quiet, by: 2).map { row in
            String(
                (-quiet..<size + quiet).map { column -> Character in
                    // A row below the quiet zone does not exist; it is drawn like the background.
                    let upper = self[row: row, column: column] != inverted
                    let lower = row + 1 < size + quiet ? self[row: row + 1, column: column] != inverted : false
                    return upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ")
                })
        }
    }
}

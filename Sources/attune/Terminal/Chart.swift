// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A line chart in braille dots, for a terminal: two columns and four rows of dots a cell.
struct Chart {
    /// One line: a name for the legend and its points, x ascending.
    struct Series {
        let name: String
        let points: [(x: Double, y: Double)]
    }

    let width: Int
    let height: Int

    init(width: Int = 64, height: Int = 12) {
        self.width = max(8, width)
        self.height = max(3, height)
    }

    /// The chart with its scale on the left; points that are not finite are left out.
    func render(_ series: [Series]) -> String {
        let all = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
        guard let first = all.first else { return "no points yet" }
        var low = all.reduce(first.y) { min($0, $1.y) }
        var high = all.reduce(first.y) { max($0, $1.y) }
        if high - low < 1e-9 { (low, high) = (low - 0.5, high + 0.5) }
        let left = all.reduce(first.x) { min($0, $1.x) }
        let right = max(all.reduce(first.x) { max($0, $1.x) }, left + 1)

        var cells = [[UInt8]](repeating: [UInt8](repeating: 0, count: width), count: height)
        for line in series {
            var previous: (column: Int, row: Int)?
            for point in line.points where point.x.isFinite && point.y.isFinite {
                let column = Int(((point.x - left) / (right - left) * Double(width * 2 - 1)).rounded())
                let row = Int(((high - point.y) / (high - low) * Double(height * 4 - 1)).rounded())
                for (x, y) in Self.segment(from: previous ?? (column, row), to: (column, row)) {
                    cells[y / 4][x / 2] |= Self.dot(x % 2, y % 4)
                }
                previous = (column, row)
            }
        }
        let lines = cells.indices.map { row in
            let label =
                row == 0 ? String(format: "%8.3f", high) : row == height - 1 ? String(format: "%8.3f", low) : "        "
            let text = cells[row].map { Character(Unicode.Scalar(UInt32(0x2800) + UInt32($0)) ?? " ") }
            return label + " ┤" + String(text)
        }
        let axis = "         └" + String(repeating: "─", count: width)
        let feet = String(format: "          %-8.0f", left).padding(
            toLength: 10 + width - 6, withPad: " ", startingAt: 0)
        let legend = series.map(\.name).joined(separator: ", ")
        return (lines + [axis, feet + String(format: "%6.0f", right), "          \(legend)"]).joined(separator: "\n")
    }

    /// The dots between two dots.
    private static func segment(
        from start: (column: Int, row: Int), to end: (column: Int, row: Int)
    ) -> [(Int, Int)] {
        let steps = max(abs(end.column - start.column), abs(end.row - start.row))
        guard steps > 0 else { return [(end.column, end.row)] }
        return (0...steps).map { step in
            let share = Double(step) / Double(steps)
            return (
                start.column + Int((Double(end.column - start.column) * share).rounded()),
                start.row + Int((Double(end.row - start.row) * share).rounded())
            )
        }
    }

    /// The bit of a dot inside a braille cell (Unicode block U+2800).
    private static func dot(_ x: Int, _ y: Int) -> UInt8 {
        let bits: [[UInt8]] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]
        return bits[x][y]
    }
}

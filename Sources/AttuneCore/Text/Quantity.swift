// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The quantities people read and write: counts, shares, durations, sizes.
package enum Quantity {
    /// Writes bytes as `12 B`, `1.5 KiB`, `512 MiB` or `13.1 GiB`.
    ///
    /// - Parameter rule: up for what is needed and down for what there is, where one is said beside the other.
    package static func text(
        bytes count: some BinaryInteger, rounded rule: FloatingPointRoundingRule = .toNearestOrEven
    ) -> String {
        var (value, unit) = (Double(count), "B")
        for larger in ["KiB", "MiB", "GiB"] where value >= 1023.5 { (value, unit) = (value / 1024, larger) }
        let hasTenths = unit != "B" && value < (unit == "GiB" ? 100 : 10)
        if rule != .toNearestOrEven { value = hasTenths ? (value * 10).rounded(rule) / 10 : value.rounded(rule) }
        return String(format: hasTenths ? "%.1f %@" : "%.0f %@", value, unit)
    }

    /// `1 change`, `2 changes`.
    package static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// 1234567 → `1,234,567`.
    package static func text(count value: Int) -> String {
        var digits = String(value.magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }

    /// 93.4 → `1m33s`; a duration, never a time of day.
    package static func text(seconds: Double) -> String {
        guard seconds >= 0, seconds < 1e15 else { return "?" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return String(format: "%dm%02ds", whole / 60, whole % 60) }
        return String(format: "%dh%02dm", whole / 3600, whole % 3600 / 60)
    }

    /// `10%` or `0.1`; nil unless it is at least 0 and below 1.
    package static func share(_ text: String) -> Double? {
        let value = text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
        guard let value, value >= 0, value < 1 else { return nil }
        return value
    }

    /// `45`, `45s`, `90m`, `2h` in seconds; nil unless positive.
    package static func seconds(_ text: String) -> Double? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        guard let last = text.last else { return nil }
        let value = units[last].map { unit in Double(text.dropLast()).map { $0 * unit } } ?? Double(text)
        guard let value, value > 0, value.isFinite else { return nil }
        return value
    }

    /// `500M`, `4G`, `4GiB`, `123456` in bytes (units of 1024); nil unless positive.
    package static func bytes(_ text: String) -> Int? {
        var digits = text.uppercased()
        for suffix in ["IB", "B"] where digits.hasSuffix(suffix) {
            digits.removeLast(suffix.count)
            break
        }
        let units: [Character: Double] = ["K": 1024, "M": 1_048_576, "G": 1_073_741_824, "T": 1_099_511_627_776]
        guard let last = digits.last else { return nil }
        let value = units[last].map { unit in Double(digits.dropLast()).map { $0 * unit } } ?? Double(digits)
        guard let value, value >= 1, value < 1e15 else { return nil }
        return Int(value)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How numbers are written for people.
enum Format {
    static func loss(_ value: Double) -> String { String(format: "%.4f", value) }

    /// How long ago a moment was; a clock that went back gives `just now`.
    static func ago(_ date: Date, now: Date = Date()) -> String {
        let seconds = now.timeIntervalSince(date)
        switch seconds {
        case ..<60: return "just now"
        case ..<3600: return "\(Int(seconds / 60))m ago"
        case ..<86_400: return "\(Int(seconds / 3600))h ago"
        default: return "\(Int(seconds / 86_400))d ago"
        }
    }
}

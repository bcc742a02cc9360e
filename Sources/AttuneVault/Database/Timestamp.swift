// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Times as the store keeps them: milliseconds since 1970, for display and for the age of trash, never for order.
enum Timestamp {
    /// A clock that is off by ages still gives a number.
    static func milliseconds(_ date: Date) -> Int64 {
        let value = (date.timeIntervalSince1970 * 1000).rounded()
        guard value.isFinite else { return 0 }
        return Int64(min(max(value, -9e15), 9e15))
    }

    static func date(_ milliseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// Sizes of memory as people write them.
package enum Bytes {
    /// `1.3 GiB`, `512 MiB`, `12 KiB`.
    package static func text(_ count: Int) -> String {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        for (name, size) in units where count >= size {
            let tenths = (Double(count) / Double(size) * 10).rounded() / 10
            return tenths >= 100 ? "\(Int(tenths.rounded())) \(name)" : "\(tenths) \(name)"
        }
        return "\(count) bytes"
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// How examples become blocks.
package enum Packing: String, Codable, Sendable, CaseIterable {
    /// Each example, or each piece of a long one, is a segment of its own; blocks are filled best-fit decreasing and no
    /// token is lost.
    case documents
    /// Examples are laid end to end, cut every `maxLength` tokens and attended across, as most scripts do; the
    /// incomplete tail is dropped.
    case wrapped
}

/// How the moments of AdamW are kept.
package enum Optimizer: String, Codable, Sendable, CaseIterable {
    /// In float32.
    case adamw
    /// In 8 bits, by blocks of 256: 6 bytes for each parameter less.
    case adamw8bit
}

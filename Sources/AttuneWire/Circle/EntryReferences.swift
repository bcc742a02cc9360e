// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The chunks and the released entries that an entry names, read from its bytes without anything else of it.
///
/// It is for entries that were verified before: what is no entry names nothing.
package struct EntryReferences: Hashable, Sendable {
    /// In the order of the blob, as often as they are named.
    package let chunks: [Digest256]
    package let released: [Digest256]

    /// - Parameter bytes: a serialised `SignedEntry`.
    package init(_ bytes: [UInt8]) {
        var signed = FieldReader(bytes[...])
        var header: ArraySlice<UInt8> = []
        while let field = signed.next() {
            if field.number == 1, let bytes = field.bytes { header = bytes }
        }
        var fields = FieldReader(header)
        var chunks: [Digest256] = []
        var released: [Digest256] = []
        while let field = fields.next() {
            guard let bytes = field.bytes, field.number == 11 || field.number == 12, let id = Digest256(bytes) else {
                continue
            }
            if field.number == 12 {
                released.append(id)
            } else {
                chunks.append(id)
            }
        }
        self.chunks = chunks
        self.released = released
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// Token ids, with the place in the text where each begins.
struct EncodedText {
    private(set) var ids: [Int32] = []
    /// Byte offset at which each token begins.
    private(set) var starts: [Int] = []

    mutating func append(_ id: Int32, at start: Int) {
        ids.append(id)
        starts.append(start)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// Where hidden states of private text may lie for the length of a run: sealed, and unreadable after it.
package protocol TrunkStore: AnyObject {
    /// Keeps a record and returns its index.
    func append(_ bytes: UnsafeRawBufferPointer) throws -> Int
    /// Reads a record into memory of exactly its size.
    func read(_ index: Int, into bytes: UnsafeMutableRawBufferPointer) throws
}

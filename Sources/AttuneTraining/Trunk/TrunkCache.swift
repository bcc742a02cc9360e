// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// Hidden states below the lowest adapted layer, computed once for each block and then kept in a store.
///
/// No adapter changes them, so every later epoch and validation takes them from there and computes the layers above
/// alone. They are kept in float32, as they are, so a run ends in the same bytes as without.
final class TrunkCache {
    private let store: any TrunkStore
    /// The record of each block.
    private var records: [Int]
    private static let missing = -1
    private static let unwanted = -2
    /// Why nothing more is kept; nil while all is well.
    private(set) var failure: String?

    /// - Parameters:
    ///   - blocks: count of the blocks that have a number.
    ///   - kept: the numbers of those that are kept.
    init(store: any TrunkStore, blocks: Int, kept: [Int]) {
        self.store = store
        records = [Int](repeating: Self.unwanted, count: blocks)
        for number in kept { records[number] = Self.missing }
    }

    /// Fills `states`, T × D, with those of a batch; false if one of its blocks was never kept.
    func load<Element: Scalar>(_ batch: Batch, into states: Matrix<Element>) -> Bool {
        for member in batch.members where member.number < 0 || records[member.number] < 0 { return false }
        guard !batch.members.isEmpty else { return false }
        do {
            for member in batch.members {
                try store.read(
                    records[member.number], into: UnsafeMutableRawBufferPointer(states.rows(member.rows).buffer))
            }
            return true
        } catch {
            // What cannot be read is computed again.
            for member in batch.members { records[member.number] = Self.unwanted }
            fail(error)
            return false
        }
    }

    /// Keeps the states of those blocks of a batch that are not there yet.
    func keep<Element: Scalar>(_ states: Matrix<Element>, of batch: Batch) {
        guard failure == nil else { return }
        do {
            for member in batch.members where member.number >= 0 && records[member.number] == Self.missing {
                records[member.number] = try store.append(UnsafeRawBufferPointer(states.rows(member.rows).buffer))
            }
        } catch {
            fail(error)
        }
    }

    private func fail(_ error: any Error) {
        if failure == nil { failure = (error as? any AttuneError)?.message ?? "\(error)" }
    }
}

/// Where hidden states of private text may lie for the length of a run: sealed, and unreadable after it.
package protocol TrunkStore: AnyObject {
    /// Keeps a record and returns its index.
    func append(_ bytes: UnsafeRawBufferPointer) throws -> Int
    /// Reads a record into memory of exactly its size.
    func read(_ index: Int, into bytes: UnsafeMutableRawBufferPointer) throws
}

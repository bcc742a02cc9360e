// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneModel

/// One pass through the model that serves several adapters: the batch of each, laid end to end.
struct SharedBatch {
    /// What one adapter has in it.
    struct Part {
        /// Index of its track.
        let track: Int
        /// Which of its step's passes this is, counted from 0.
        let pass: Int
        /// Its rows of the batch.
        let rows: Range<Int>
        /// Its share of `Batch.counted`.
        let counted: Range<Int>
    }

    let batch: Batch
    let parts: [Part]

    private init(_ members: [(track: Int, pass: Int, batch: Batch)]) {
        var (row, position) = (0, 0)
        parts = members.map { member in
            defer {
                row += member.batch.packed.count
                position += member.batch.counted.count
            }
            return Part(
                track: member.track, pass: member.pass, rows: row..<row + member.batch.packed.count,
                counted: position..<position + member.batch.counted.count)
        }
        batch = Batch(joining: members.map(\.batch))
    }

    /// The passes of several adapters' steps in as few shared ones as hold `capacity` tokens.
    ///
    /// A pass of one adapter is never divided, so what it computes does not depend on the others; one that is larger
    /// than `capacity` stands alone.
    /// - Parameter steps: the passes of each track's step, with the track's index.
    static func shared(_ steps: [(track: Int, batches: [Batch])], capacity: Int) -> [SharedBatch] {
        var shared: [SharedBatch] = []
        var open: [(track: Int, pass: Int, batch: Batch)] = []
        var tokens = 0
        func close() {
            if !open.isEmpty { shared.append(SharedBatch(open)) }
            open = []
            tokens = 0
        }
        for pass in 0..<(steps.map(\.batches.count).max() ?? 0) {
            for (track, batches) in steps where pass < batches.count {
                let batch = batches[pass]
                // A second pass of the same adapter would share its rows of gradients.
                if tokens + batch.packed.count > capacity || open.contains(where: { $0.track == track }) { close() }
                open.append((track, pass, batch))
                tokens += batch.packed.count
            }
        }
        close()
        return shared
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// Next-token loss through the head without ever holding the logits of all positions.
///
/// For C counted positions at a time: z [C, V] = X·Eᵀ, loss Σ −log softmax(z)[target], z is replaced by
/// dz = scale·(softmax(z) − onehot), dX [C, D] = dz·E. Positions that do not count never reach the head, and their
/// gradient is zero (the idea of Liger's fused linear cross-entropy). Where bfloat16 has products of its own, the head is
/// cut along the vocabulary instead, and no logits are held at all.
package final class ChunkedCrossEntropy<Element: PassNumber> {
    private let head: WeightMatrix
    private let precision: Precision
    private let cutsVocabulary: Bool
    private let gathered: Matrix<Element>
    private let logits: Matrix<Element>
    private let gradient: Matrix<Element>
    private let wanted: Storage<Int32>

    /// C, the positions that go through the head together; 0 if it is cut along the vocabulary.
    package var chunk: Int { gathered.rows }

    /// Allocates for batches of up to `maxTokens` and `chunk` positions at a time.
    ///
    /// - Parameter head: E [V, D].
    package init(head: WeightMatrix, maxTokens: Int, chunk: Int, precision: Precision) {
        precondition(chunk > 0 && maxTokens > 0)
        self.head = head
        self.precision = precision
        cutsVocabulary = Self.cutsVocabulary(precision)
        let rows = cutsVocabulary ? 0 : min(chunk, maxTokens)
        gathered = Matrix(rows: rows, columns: head.columns)
        logits = Matrix(rows: rows, columns: head.rows)
        gradient = Matrix(rows: maxTokens, columns: head.columns)
        wanted = Storage(count: rows)
    }

    /// C for a vocabulary: as many positions as make logits of 48 MiB, between 16 and 512.
    package static func chunk(vocabulary: Int) -> Int {
        min(512, max(16, (48 << 20) / (4 * max(1, vocabulary)) / 16 * 16))
    }

    /// Whether the kernels go through the vocabulary block by block, with memory of their own.
    package static func cutsVocabulary(_ precision: Precision) -> Bool {
        Element.self == Float.self && precision == .bfloat16 && Kernels.computesBFloat16
    }

    /// The exact bytes that `init` allocates: C·(D + V) + T·D numbers and C targets, where logits are held.
    package static func bytes(
        vocabulary: Int, width: Int, maxTokens: Int, chunk: Int, precision: Precision
    ) -> Int {
        let rows = cutsVocabulary(precision) ? 0 : min(chunk, maxTokens)
        return (rows * (width + vocabulary) + maxTokens * width) * MemoryLayout<Element>.stride
            + rows * MemoryLayout<Int32>.stride
    }

    /// Zeros for the gradient of `rows` hidden states, T × D, valid until the next call.
    package func clearedGradient(rows: Int) -> Matrix<Element> {
        let dHidden = gradient.rows(0..<rows)
        dHidden.buffer.update(repeating: 0)
        return dHidden
    }

    /// Σ −log p over the counted positions; their rows of `dHidden` become its gradient times `scale`.
    ///
    /// - Parameters:
    ///   - hidden: T × D after the final norm.
    ///   - targets: T next tokens; read at counted positions alone, where they are below V.
    package func addLoss(
        hidden: Matrix<Element>, targets: [Int32], counted: ArraySlice<Int>, scale: Element,
        into dHidden: Matrix<Element>
    ) -> Double {
        if cutsVocabulary, let hidden = hidden as? Matrix<Float>, let dHidden = dHidden as? Matrix<Float> {
            return headLoss(
                hidden, positions: counted, targets: targets, head: head, scale: Float(scale), into: dHidden)
        }
        var loss = 0.0
        eachChunk(hidden, targets, counted) { positions, x, z, wanted in
            loss += crossEntropy(logits: z, targets: wanted, scale: scale)
            // Neither the logits nor the gathered rows are needed any more, so dX takes the place of the latter.
            multiplyTransposed(consuming: z, by: head, into: x, precision: precision)
            for (row, position) in positions.enumerated() {
                dHidden.rows(position..<position + 1).copy(from: x.rows(row..<row + 1))
            }
        }
        return loss
    }

    /// Σ −log p over the counted positions alone.
    package func loss(hidden: Matrix<Element>, targets: [Int32], counted: ArraySlice<Int>) -> Double {
        if cutsVocabulary, let hidden = hidden as? Matrix<Float> {
            return headLoss(hidden, positions: counted, targets: targets, head: head)
        }
        var loss = 0.0
        eachChunk(hidden, targets, counted) { _, _, z, wanted in
            loss += crossEntropy(logits: z, targets: wanted, scale: 0)
        }
        return loss
    }

    private func eachChunk(
        _ hidden: Matrix<Element>, _ targets: [Int32], _ counted: ArraySlice<Int>,
        _ body: (
            _ positions: ArraySlice<Int>, _ x: Matrix<Element>, _ z: Matrix<Element>,
            _ wanted: UnsafeBufferPointer<Int32>
        ) -> Void
    ) {
        precondition(hidden.rows <= gradient.rows && hidden.columns == head.columns, "hidden states of another shape")
        for start in stride(from: counted.startIndex, to: counted.endIndex, by: chunk) {
            let positions = counted[start..<min(start + chunk, counted.endIndex)]
            let x = gathered.rows(0..<positions.count)
            let z = logits.rows(0..<positions.count)
            for (row, position) in positions.enumerated() {
                x.rows(row..<row + 1).copy(from: hidden.rows(position..<position + 1))
                wanted.base[row] = targets[position]
            }
            multiply(x, by: head, into: z, precision: precision)
            body(positions, x, z, UnsafeBufferPointer(start: wanted.base, count: positions.count))
        }
    }
}

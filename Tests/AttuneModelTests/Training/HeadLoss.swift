// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor

/// The mean next-token loss of a batch and its gradient at the final norm's output, all logits at once.
struct HeadLoss<Element: PassNumber> {
    /// Mean over the counted positions, in nats.
    let loss: Double
    /// T × D; zero where nothing is counted.
    let dHidden: Matrix<Element>

    /// Counts every position whose next token lies in the same segment.
    init(_ model: BaseModel, hidden: Matrix<Element>, batch: PackedTokens, precision: Precision = .float32) {
        let counted = batch.segments.flatMap { Array($0.dropLast()) }
        let gathered = Matrix<Element>(rows: counted.count, columns: hidden.columns)
        for (row, position) in counted.enumerated() {
            gathered.rows(row..<row + 1).copy(from: hidden.rows(position..<position + 1))
        }
        let logits = Matrix<Element>(rows: counted.count, columns: model.head.rows)
        multiply(gathered, by: model.head, into: logits, precision: precision)
        let targets = counted.map { batch.tokens[$0 + 1] }
        let sum = crossEntropy(logits: logits, targets: targets, scale: 1 / Element(counted.count))
        multiplyTransposed(logits, by: model.head, into: gathered, precision: precision, accumulating: false)
        dHidden = Matrix(rows: hidden.rows, columns: hidden.columns)
        for (row, position) in counted.enumerated() {
            dHidden.rows(position..<position + 1).copy(from: gathered.rows(row..<row + 1))
        }
        loss = sum / Double(counted.count)
    }
}

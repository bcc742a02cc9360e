// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor
import Testing

@Suite struct RowOrderTests {
    @Test func adjacentPairsTakeRowsOfBothHalves() {
        let halves = Matrix<Float>(rows: 16, columns: 1, (0..<16).map(Float.init))
        let pairs = Matrix<Float>(rows: 16, columns: 1)
        RowOrder.toAdjacentPairs(halves, into: pairs, headDimension: 8)
        #expect(pairs.values == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15])
        let back = Matrix<Float>(rows: 16, columns: 1)
        RowOrder.toHalves(pairs, into: back, headDimension: 8)
        #expect(back.values == halves.values)
    }

    @Test func onlyQueriesAndKeysOfPairedBasesDiffer() {
        #expect(RowOrder.differs(.query, shape: Sample.shape()))
        #expect(RowOrder.differs(.key, shape: Sample.shape()))
        #expect(!RowOrder.differs(.value, shape: Sample.shape()))
        #expect(!RowOrder.differs(.query, shape: Sample.shape(adjacentPairs: false)))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// s·U·F, added to the rows `rows` of a product: F = Bᵀ for B [out, R], or A [R, in] in a transposed product.
package struct LowRankTerm<Element: Scalar> {
    let rows: Range<Int>
    let inner: Operand<Element>
    let factor: Matrix<Element>
    let scale: Element

    /// - Parameter inner: U, `rows.count` × R or one column wider where R is odd (see `Operand.innerColumns`).
    package init(rows: Range<Int>, inner: Operand<Element>, factor: Matrix<Element>, scale: Element) {
        precondition(inner.rows == rows.count, "one row of U for each row of the product")
        self.rows = rows
        self.inner = inner
        self.factor = factor
        self.scale = scale
    }
}

/// One frozen weight of several that share a left factor, and where its product goes.
package struct LinearProduct<Element: Scalar> {
    let weight: WeightMatrix
    let bias: Matrix<Element>?
    let output: Operand<Element>
    let accumulating: Bool
    let terms: [LowRankTerm<Element>]

    /// - Parameters:
    ///   - bias: 1 × out, in forward products alone.
    ///   - output: Y [T, out]; a rounded one cannot be added to.
    ///   - terms: for disjoint rows in ascending order.
    package init(
        _ weight: WeightMatrix, bias: Matrix<Element>? = nil, into output: Operand<Element>,
        accumulating: Bool = false, terms: [LowRankTerm<Element>] = []
    ) {
        self.weight = weight
        self.bias = bias
        self.output = output
        self.accumulating = accumulating
        self.terms = terms
    }
}

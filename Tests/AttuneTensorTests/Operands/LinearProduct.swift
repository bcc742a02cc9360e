// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// s·U·F for some rows of a product, as `ProductList.addTerm` takes it.
struct LowRankTerm<Number: OperandNumber> {
    let rows: Range<Int>
    let inner: Matrix<Number>
    let factor: Matrix<Number.Exact>
    let scale: Number.Exact
}

/// One product of a list, as `ProductList.add` takes it, with its terms.
struct LinearProduct<Number: OperandNumber> {
    let weight: WeightMatrix
    let bias: Matrix<Number.Exact>?
    let output: ProductOutput<Number>
    let terms: [LowRankTerm<Number>]

    init(
        _ weight: WeightMatrix, bias: Matrix<Number.Exact>? = nil, into output: ProductOutput<Number>,
        terms: [LowRankTerm<Number>] = []
    ) {
        self.weight = weight
        self.bias = bias
        self.output = output
        self.terms = terms
    }

    func add(to list: inout ProductList<Number>) {
        list.add(weight, bias: bias, into: output)
        for term in terms { list.addTerm(term.rows, inner: term.inner, factor: term.factor, scale: term.scale) }
    }
}

extension Matrix where Element: OperandNumber {
    func multiply(_ all: [LinearProduct<Element>], transposed: Bool = false) {
        withExtendedLifetime(all) {
            multiply(products: all.count, terms: all.reduce(0) { $0 + $1.terms.count }, transposed: transposed) {
                for product in all { product.add(to: &$0) }
            }
        }
    }

    /// The gated unit of two weights, whose results are `gate`, `up` and `hidden`.
    func multiply(
        _ first: WeightMatrix, bias: Matrix<Element.Exact>? = nil, gate: Matrix, _ second: WeightMatrix, up: Matrix,
        hidden: Matrix, terms: [LowRankTerm<Element>], _ others: [LowRankTerm<Element>]
    ) {
        let first = LinearProduct(first, bias: bias, into: .operand(gate), terms: terms)
        let second = LinearProduct(second, into: .operand(up), terms: others)
        withExtendedLifetime((first, second)) {
            multiply(gate: gate, up: up, hidden: hidden, terms: terms.count + others.count) {
                first.add(to: &$0)
                second.add(to: &$0)
            }
        }
    }

    func multiplyTransposed(_ product: LinearProduct<Element>) { multiply([product], transposed: true) }

    func project(_ factors: [Matrix<Element.Exact>], into inners: [Matrix], transposed: Bool = false) {
        withExtendedLifetime((factors, inners)) {
            multiply(products: factors.count, transposed: transposed) {
                for (factor, inner) in zip(factors, inners) { $0.add(factor: factor, into: inner) }
            }
        }
    }

    func projectTransposed(_ factor: Matrix<Element.Exact>, into inner: Matrix) {
        project([factor], into: [inner], transposed: true)
    }
}

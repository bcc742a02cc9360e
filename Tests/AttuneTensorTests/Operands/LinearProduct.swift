// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// s·U·F for some rows of a product, as `ProductList.addTerm` takes it.
struct LowRankTerm<Element: Scalar> {
    let rows: Range<Int>
    let inner: Operand<Element>
    let factor: Matrix<Element>
    let scale: Element
}

/// One product of a list, as `ProductList.add` takes it, with its terms.
struct LinearProduct<Element: Scalar> {
    let weight: WeightMatrix
    let bias: Matrix<Element>?
    let output: Operand<Element>
    let accumulating: Bool
    let terms: [LowRankTerm<Element>]

    init(
        _ weight: WeightMatrix, bias: Matrix<Element>? = nil, into output: Operand<Element>,
        accumulating: Bool = false, terms: [LowRankTerm<Element>] = []
    ) {
        self.weight = weight
        self.bias = bias
        self.output = output
        self.accumulating = accumulating
        self.terms = terms
    }

    func add(to list: inout ProductList<Element>) {
        list.add(weight, bias: bias, into: output, accumulating: accumulating)
        for term in terms { list.addTerm(term.rows, inner: term.inner, factor: term.factor, scale: term.scale) }
    }
}

extension Operand {
    func multiply(_ all: [LinearProduct<Element>], transposed: Bool = false) {
        withExtendedLifetime(all) {
            multiply(products: all.count, terms: all.reduce(0) { $0 + $1.terms.count }, transposed: transposed) {
                for product in all { product.add(to: &$0) }
            }
        }
    }

    func multiply(gate: LinearProduct<Element>, up: LinearProduct<Element>, hidden: Operand) {
        withExtendedLifetime((gate, up)) {
            multiply(
                gate: gate.output, up: up.output, hidden: hidden, terms: gate.terms.count + up.terms.count
            ) {
                gate.add(to: &$0)
                up.add(to: &$0)
            }
        }
    }

    func multiplyTransposed(_ product: LinearProduct<Element>) { multiply([product], transposed: true) }

    func project(_ factors: [Matrix<Element>], into inners: [Operand], transposed: Bool = false) {
        withExtendedLifetime((factors, inners)) {
            multiply(products: factors.count, transposed: transposed) {
                for (factor, inner) in zip(factors, inners) { $0.add(factor: factor, into: inner) }
            }
        }
    }

    func projectTransposed(_ factor: Matrix<Element>, into inner: Operand) {
        project([factor], into: [inner], transposed: true)
    }
}

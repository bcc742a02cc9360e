// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

extension Operand {
    /// Columns of the memory for U = X·Aᵀ: bfloat16 products take numbers in pairs.
    package static func innerColumns(rank: Int) -> Int { (rank + 1) / 2 * 2 }

    /// Makes the products of X, which is this, with weights that share it.
    ///
    /// - Parameters:
    ///   - products: the most that `describe` adds.
    ///   - terms: the most low-rank terms that it adds.
    ///   - transposed: the products are dY·W of this as dY [T, out].
    package func multiply(
        products: Int, terms: Int = 0, transposed: Bool = false, _ describe: (inout ProductList<Element>) -> Void
    ) {
        var list = ProductList(self, products: products, terms: terms, transposed: transposed)
        describe(&list)
        list.run()
    }

    /// The products of a gated unit, gate first, and h = silu(gate)∘up of them, rounded once: X [T, in], h [T, F].
    ///
    /// - Parameter terms: the most low-rank terms of both.
    package func multiply(
        gate: Operand, up: Operand, hidden: Operand, terms: Int = 0,
        _ describe: (inout ProductList<Element>) -> Void
    ) {
        precondition(gate.columns == up.columns && up.columns == hidden.columns, "a gated unit")
        var list = ProductList(self, products: 2, terms: terms, transposed: false)
        describe(&list)
        list.run(hidden: hidden)
        if case .exact = self { swiGLU(gate: gate, up: up, into: hidden) }
    }

    /// Y = s·U·A: this is U [T, R] in `innerColumns` columns, A [R, in], Y [T, in].
    package func expand(_ factor: Matrix<Element>, into y: Matrix<Element>, scale factorScale: Element) {
        switch self {
        case .exact(let u):
            AttuneTensor.multiply(u.leading(y.rows, factor.rows), factor, into: y, alpha: factorScale)
        case .rounded:
            withExtendedLifetime(factor) {
                multiply(products: 1, transposed: true) { $0.add(factor: factor, into: .exact(y)) }
            }
            scale(y, by: factorScale)
        }
    }

    /// dA += s·Uᵀ·X: this is U [T, R] in `innerColumns` columns, X [T, in], dA [R, in].
    package func addGradient(_ x: Operand, into dA: Matrix<Element>, scale: Element) {
        addOuter(x, rank: dA.rows, into: dA, scale: scale, transposed: false)
    }

    /// dB += s·dYᵀ·U: this is U [T, R] in `innerColumns` columns, dY [T, out], dB [out, R].
    package func addGradient(ofRows dy: Operand, into dB: Matrix<Element>, scale: Element) {
        addOuter(dy, rank: dB.columns, into: dB, scale: scale, transposed: true)
    }

    private func addOuter(_ x: Operand, rank: Int, into g: Matrix<Element>, scale: Element, transposed: Bool) {
        precondition(x.rows == rows && columns >= rank, "shapes of a factor's gradient")
        switch (self, x) {
        case (.exact(let u), .exact(let x)):
            let u = u.leading(x.rows, rank)
            if transposed {
                AttuneTensor.multiply(x, transposed: true, u, into: g, alpha: scale, beta: 1)
            } else {
                AttuneTensor.multiply(u, transposed: true, x, into: g, alpha: scale, beta: 1)
            }
        case (.rounded(let u), .rounded(let x)):
            attune_low_rank_gradient(
                u.bits, Int64(u.columns), x.bits, Int64(x.columns), Int64(x.rows), Int64(rank), Int64(x.columns),
                Float(scale), g.float.pointer, transposed ? 1 : 0)
        default: preconditionFailure("operands of different cases")
        }
    }
}

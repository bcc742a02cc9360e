// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Columns of the memory for U = X·Aᵀ: bfloat16 products take numbers in pairs.
package func innerColumns(rank: Int) -> Int { (rank + 1) / 2 * 2 }

extension Matrix where Element: OperandNumber {
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
        Element.run(list, hidden: nil)
    }

    /// The products of a gated unit, gate first, and h = silu(gate)∘up of them, rounded once: X [T, in], h [T, F].
    ///
    /// - Parameter terms: the most low-rank terms of both.
    package func multiply(
        gate: Matrix, up: Matrix, hidden: Matrix, terms: Int = 0, _ describe: (inout ProductList<Element>) -> Void
    ) {
        precondition(gate.columns == up.columns && up.columns == hidden.columns, "a gated unit")
        var list = ProductList(self, products: 2, terms: terms, transposed: false)
        describe(&list)
        Element.run(list, hidden: hidden)
        if !Element.isRounded { swiGLU(gate: gate, up: up, into: hidden) }
    }

    /// Y = s·U·A: this is U [T, R] in `innerColumns` columns, A [R, in], Y [T, in].
    package func expand(_ factor: Matrix<Element.Exact>, into y: Matrix<Element.Exact>, scale: Element.Exact) {
        Element.expand(self, factor, into: y, scale: scale)
    }

    /// dA += s·Uᵀ·X: this is U [T, R] in `innerColumns` columns, X [T, in], dA [R, in].
    package func addGradient(_ x: Matrix, into dA: Matrix<Element.Exact>, scale: Element.Exact) {
        addOuter(x, rank: dA.rows, into: dA, scale: scale, transposed: false)
    }

    /// dB += s·dYᵀ·U: this is U [T, R] in `innerColumns` columns, dY [T, out], dB [out, R].
    package func addGradient(ofRows dy: Matrix, into dB: Matrix<Element.Exact>, scale: Element.Exact) {
        addOuter(dy, rank: dB.columns, into: dB, scale: scale, transposed: true)
    }

    private func addOuter(
        _ x: Matrix, rank: Int, into g: Matrix<Element.Exact>, scale: Element.Exact, transposed: Bool
    ) {
        precondition(x.rows == rows && columns >= rank, "shapes of a factor's gradient")
        Element.addOuter(self, x, rank: rank, into: g, scale: scale, transposed: transposed)
    }
}

extension PassNumber {
    package static func expand(_ u: Matrix<Self>, _ factor: Matrix<Self>, into y: Matrix<Self>, scale: Self) {
        multiply(u.leading(y.rows, factor.rows), factor, into: y, alpha: scale)
    }

    package static func addOuter(
        _ u: Matrix<Self>, _ x: Matrix<Self>, rank: Int, into g: Matrix<Self>, scale: Self, transposed: Bool
    ) {
        let u = u.leading(x.rows, rank)
        if transposed {
            multiply(x, transposed: true, u, into: g, alpha: scale, beta: 1)
        } else {
            multiply(u, transposed: true, x, into: g, alpha: scale, beta: 1)
        }
    }
}

extension BFloat16 {
    package static func expand(
        _ u: Matrix<BFloat16>, _ factor: Matrix<Float>, into y: Matrix<Float>, scale factorScale: Float
    ) {
        withExtendedLifetime(factor) {
            u.multiply(products: 1, transposed: true) { $0.append(factor: factor, into: .exact(y)) }
        }
        scale(y, by: factorScale)
    }

    package static func addOuter(
        _ u: Matrix<BFloat16>, _ x: Matrix<BFloat16>, rank: Int, into g: Matrix<Float>, scale: Float, transposed: Bool
    ) {
        attune_low_rank_gradient(
            u.bits, Int64(u.columns), x.bits, Int64(x.columns), Int64(x.rows), Int64(rank), Int64(x.columns), scale,
            g.pointer, transposed ? 1 : 0)
    }
}

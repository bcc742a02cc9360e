// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The factors of one adapter at one site: ΔY = s·(X·Aᵀ)·Bᵀ with A [R, in], B [out, R] (arXiv:2106.09685).
struct LoRAFactors<Element: Scalar>: Sendable {
    let a: Matrix<Element>
    let b: Matrix<Element>
    let scale: Element

    var rank: Int { a.rows }

    /// The factors of `entry`, their effective scale multiplied by `strength`.
    init(_ parameters: LoRAParameters<Element>, _ entry: LoRALayout.Entry, strength: Float = 1) {
        a = parameters.a(entry)
        b = parameters.b(entry)
        scale = Element(entry.scale * strength)
    }

    /// U = X·Aᵀ: X [T, in], U [T, R].
    func project(_ x: Matrix<Element>, into inner: Matrix<Element>) {
        multiply(x, transposed: false, a, transposed: true, into: inner)
    }

    /// Y += s·U·Bᵀ: U [T, R], Y [T, out].
    func expand(_ inner: Matrix<Element>, into y: Matrix<Element>) {
        multiply(inner, transposed: false, b, transposed: true, into: y, alpha: scale, beta: 1)
    }
}

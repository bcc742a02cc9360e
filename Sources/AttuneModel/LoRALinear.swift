// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// A frozen linear layer with a trainable low-rank term at a site of the layout, or plain where the layout has none.
///
/// Y = X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ with X [T, in], W [out, in], A [R, in], B [out, R], Y [T, out];
/// A and B receive gradients, W and b do not (arXiv:2106.09685, arXiv:2305.14314).
struct LoRALinear<Element: Scalar>: Sendable {
    let linear: Linear<Element>
    /// Where the factors lie in the parameters; nil where the layer is not adapted.
    let entry: LoRALayout.Entry?
    /// Tells the dropout masks of different sites apart.
    let stream: UInt64

    init(_ linear: Linear<Element>, site: LoRASite, layout: LoRALayout) {
        self.linear = linear
        entry = layout[site]
        let modules = TargetModule.allCases
        stream = UInt64(site.layer * modules.count + (modules.firstIndex(of: site.module) ?? 0))
    }

    var isAdapted: Bool { entry != nil }

    /// Y (+)= X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ, leaving dropout(X)·Aᵀ [T, R] in `inner` for the backward pass.
    func forward(
        _ x: Matrix<Element>, _ step: BlockStep<Element>, inner: Matrix<Element>?, into y: Matrix<Element>,
        accumulating: Bool = false
    ) {
        linear.forward(x, into: y, accumulating: accumulating)
        guard let entry, let factors = project(x, step, inner: inner), let inner else { return }
        factors.expand(inner.leading(x.rows, entry.rank), into: y)
    }

    /// inner = dropout(X)·Aᵀ [T, R] alone, as `forward` leaves it; returns the factors, or nil where there are none.
    @discardableResult
    func project(_ x: Matrix<Element>, _ step: BlockStep<Element>, inner: Matrix<Element>?) -> LoRAFactors<Element>? {
        guard let entry, let parameters = step.parameters, let inner else { return nil }
        let factors = LoRAFactors(parameters, entry)
        factors.project(dropped(x, step), into: inner.leading(x.rows, entry.rank))
        return factors
    }

    /// With U = dY·B [T, R]: dB += s·dYᵀ·(dropout(X)·Aᵀ); dA += s·Uᵀ·dropout(X); dX (+)= dY·W + s·mask(U·A).
    ///
    /// `dx` is nil where nothing below needs a gradient; `inner` is what the forward pass left there.
    func backward(
        _ dy: Matrix<Element>, x: Matrix<Element>, _ step: BlockStep<Element>, inner: Matrix<Element>?,
        into dx: Matrix<Element>?, accumulating: Bool = false
    ) {
        if let dx { linear.backward(dy, into: dx, accumulating: accumulating) }
        guard let entry, let parameters = step.parameters, let gradients = step.gradients, let inner else { return }
        let factors = LoRAFactors(parameters, entry)
        let u = step.scratch.inner.leading(dy.rows, entry.rank)
        multiply(dy, factors.b, into: u)
        let projected = inner.leading(x.rows, entry.rank)
        multiply(dy, transposed: true, projected, into: gradients.b(entry), alpha: factors.scale, beta: 1)
        multiply(u, transposed: true, dropped(x, step), into: gradients.a(entry), alpha: factors.scale, beta: 1)
        guard let dx else { return }
        if let dropout = step.dropout {
            let masked = step.scratch.masked.leading(x.rows, x.columns)
            multiply(u, factors.a, into: masked, alpha: factors.scale)
            AttuneTensor.dropout(masked, into: masked, rate: dropout.rate, stream: dropout.stream.child(stream))
            add(masked, to: dx)
        } else {
            multiply(u, factors.a, into: dx, alpha: factors.scale, beta: 1)
        }
    }

    /// dropout(X) in scratch memory, or X itself where nothing is dropped.
    private func dropped(_ x: Matrix<Element>, _ step: BlockStep<Element>) -> Matrix<Element> {
        guard let dropout = step.dropout else { return x }
        let masked = step.scratch.masked.leading(x.rows, x.columns)
        AttuneTensor.dropout(x, into: masked, rate: dropout.rate, stream: dropout.stream.child(stream))
        return masked
    }
}

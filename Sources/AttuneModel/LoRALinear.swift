// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// A frozen linear layer with a trainable low-rank term for each adapter that has one at its site.
///
/// Y = X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ with X [T, in], W [out, in], A [R, in], B [out, R], Y [T, out];
/// A and B receive gradients, W and b do not (arXiv:2106.09685, arXiv:2305.14314).
struct LoRALinear<Element: Scalar>: Sendable {
    let module: TargetModule
    let weight: WeightMatrix
    /// 1 × out, where the architecture has one.
    let bias: Matrix<Element>?
    let site: LoRASite
    /// Whether any adapter of the pass acts here.
    let isAdapted: Bool
    /// Tells the dropout masks of different sites apart.
    let stream: UInt64

    init(_ weights: LayerWeights, layer: Int, module: TargetModule, layouts: [LoRALayout]) {
        let site = LoRASite(layer: layer, module: module)
        self.module = module
        self.site = site
        weight = weights[module]
        bias = weights.biases[module].map { Matrix(converting: $0) }
        isAdapted = layouts.contains { $0[site] != nil }
        let modules = TargetModule.allCases
        stream = UInt64(layer * modules.count + (modules.firstIndex(of: module) ?? 0))
    }

    /// The factors of an adapter at this site, or nil.
    private func factors(_ adapter: AdapterRows<Element>) -> LoRAFactors<Element>? {
        adapter.parameters.layout[site].map { LoRAFactors(adapter.parameters, $0) }
    }

    /// Y (+)= X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ for layers that share X, each with its Y, leaving dropout(X)·Aᵀ [T, R]
    /// of each in `kept` for the backward pass.
    static func forward(
        _ layers: [(layer: LoRALinear, y: Operand<Element>)], _ x: Operand<Element>, _ step: BlockStep<Element>,
        keeping kept: BlockActivations<Operand<Element>>, accumulating: Bool = false
    ) {
        project(layers.map(\.layer), x, step, keeping: kept)
        x.multiply(layers.map { $0.product(into: $1, step, kept, accumulating: accumulating) })
    }

    /// As `forward` for gate and up, with h = silu(gate)∘up beside what is kept of them.
    static func forward(
        gate: LoRALinear, up: LoRALinear, _ x: Operand<Element>, _ step: BlockStep<Element>,
        keeping kept: BlockActivations<Operand<Element>>, hidden: Operand<Element>
    ) {
        project([gate, up], x, step, keeping: kept)
        x.multiply(
            gate: gate.product(into: kept.gate, step, kept), up: up.product(into: kept.up, step, kept), hidden: hidden)
    }

    private func product(
        into y: Operand<Element>, _ step: BlockStep<Element>, _ kept: BlockActivations<Operand<Element>>,
        accumulating: Bool = false
    ) -> LinearProduct<Element> {
        LinearProduct(weight, bias: bias, into: y, accumulating: accumulating, terms: terms(step, kept))
    }

    private func terms(
        _ step: BlockStep<Element>, _ kept: BlockActivations<Operand<Element>>
    ) -> [LowRankTerm<Element>] {
        guard isAdapted, let inner = kept.inner[module] else { return [] }
        return step.adapters.compactMap { adapter in
            factors(adapter).map {
                LowRankTerm(rows: adapter.rows, inner: inner.rows(adapter.rows), factor: $0.b, scale: $0.scale)
            }
        }
    }

    /// dropout(X)·Aᵀ [T, R] of each layer alone, as `forward` leaves it.
    static func project(
        _ layers: [LoRALinear], _ x: Operand<Element>, _ step: BlockStep<Element>,
        keeping kept: BlockActivations<Operand<Element>>
    ) {
        for adapter in step.adapters {
            let rows = x.rows(adapter.rows)
            var factors: [Matrix<Element>] = []
            var inners: [Operand<Element>] = []
            for layer in layers {
                guard let mine = layer.factors(adapter), let inner = kept.inner[layer.module] else { continue }
                if adapter.dropout == nil {
                    factors.append(mine.a)
                    inners.append(inner.rows(adapter.rows))
                } else {
                    layer.dropped(rows, adapter, step).project([mine.a], into: [inner.rows(adapter.rows)])
                }
            }
            if !factors.isEmpty { rows.project(factors, into: inners) }
        }
    }

    /// With U = dY·B [T, R]: dB += s·dYᵀ·(dropout(X)·Aᵀ); dA += s·Uᵀ·dropout(X); dX (+)= dY·W + s·mask(U·A).
    ///
    /// `dx` is nil where nothing below needs a gradient; `kept` is what the forward pass left.
    func backward(
        _ dy: Operand<Element>, x: Operand<Element>, _ step: BlockStep<Element>,
        kept: BlockActivations<Operand<Element>>, into dx: Operand<Element>?, accumulating: Bool = false
    ) {
        var terms: [LowRankTerm<Element>] = []
        let scratch = step.scratch.inner
        for (adapter, gradients) in zip(step.adapters, step.gradients) {
            guard let entry = gradients.layout[site], let factors = factors(adapter), let inner = kept.inner[module]
            else { continue }
            let (dyRows, xRows) = (dy.rows(adapter.rows), x.rows(adapter.rows))
            let u = scratch.rows(adapter.rows).leading(
                adapter.rows.count, Operand<Element>.innerColumns(rank: entry.rank))
            dyRows.projectTransposed(factors.b, into: u)
            inner.rows(adapter.rows).addGradient(
                ofRows: dyRows, into: gradients.b(entry), scale: factors.scale)
            u.addGradient(dropped(xRows, adapter, step), into: gradients.a(entry), scale: factors.scale)
            if adapter.dropout == nil {
                terms.append(LowRankTerm(rows: adapter.rows, inner: u, factor: factors.a, scale: factors.scale))
            }
        }
        guard let dx else { return }
        dy.multiplyTransposed(LinearProduct(weight, into: dx, accumulating: accumulating, terms: terms))
        for adapter in step.adapters where adapter.dropout != nil { addMasked(adapter, step, to: dx) }
    }

    /// dX += s·mask(U·A), with U still in scratch memory.
    private func addMasked(_ adapter: AdapterRows<Element>, _ step: BlockStep<Element>, to dx: Operand<Element>) {
        guard let dropout = adapter.dropout, let factors = factors(adapter) else { return }
        let rows = adapter.rows.count
        let u = step.scratch.inner.rows(adapter.rows).leading(
            rows, Operand<Element>.innerColumns(rank: factors.rank))
        let masked = step.scratch.maskedExact.matrix.leading(rows, factors.a.columns)
        u.expand(factors.a, into: masked, scale: factors.scale)
        AttuneTensor.dropout(masked, into: masked, rate: dropout.rate, stream: dropout.stream.child(stream))
        dx.rows(adapter.rows).add(masked)
    }

    /// dropout(X) in scratch memory, or X itself where nothing is dropped.
    private func dropped(
        _ x: Operand<Element>, _ adapter: AdapterRows<Element>, _ step: BlockStep<Element>
    ) -> Operand<Element> {
        guard let dropout = adapter.dropout else { return x }
        let exact = step.scratch.maskedExact.matrix.leading(x.rows, x.columns)
        x.widen(into: exact)
        AttuneTensor.dropout(exact, into: exact, rate: dropout.rate, stream: dropout.stream.child(stream))
        let masked = step.scratch.masked.leading(x.rows, x.columns)
        masked.set(exact)
        return masked
    }
}

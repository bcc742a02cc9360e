// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// A frozen linear layer with a trainable low-rank term for each adapter that has one at its site.
///
/// Y = X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ with X [T, in], W [out, in], A [R, in], B [out, R], Y [T, out];
/// A and B receive gradients, W and b do not (arXiv:2106.09685, arXiv:2305.14314).
struct LoRALinear<Element: PassNumber>: Sendable {
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
    ///
    /// - Parameter output: Y of a layer.
    static func forward<N: OperandNumber>(
        _ layers: [LoRALinear], _ x: Matrix<N>, _ step: BlockStep<N>,
        keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>, into output: (LoRALinear) -> ProductOutput<N>
    ) where N.Exact == Element {
        project(layers, x, step, keeping: kept)
        withExtendedLifetime((layers, step, kept)) {
            x.multiply(products: layers.count, terms: layers.count * step.adapters.count) { list in
                for layer in layers {
                    layer.describe(to: &list, into: output(layer), step, kept)
                }
            }
        }
    }

    /// As `forward` for gate and up, with h = silu(gate)∘up beside what is kept of them.
    ///
    /// - Parameter layers: gate and up.
    static func forward<N: OperandNumber>(
        gated layers: [LoRALinear], _ x: Matrix<N>, _ step: BlockStep<N>,
        keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>, hidden: Matrix<N>
    ) where N.Exact == Element {
        project(layers, x, step, keeping: kept)
        withExtendedLifetime((layers, step, kept)) {
            x.multiply(gate: kept.gate, up: kept.up, hidden: hidden, terms: 2 * step.adapters.count) { list in
                layers[0].describe(to: &list, into: .operand(kept.gate), step, kept)
                layers[1].describe(to: &list, into: .operand(kept.up), step, kept)
            }
        }
    }

    /// Adds Y (+)= X·Wᵀ + b + s·(dropout(X)·Aᵀ)·Bᵀ to the products of X.
    private func describe<N: OperandNumber>(
        to list: inout ProductList<N>, into y: ProductOutput<N>, _ step: BlockStep<N>,
        _ kept: BlockActivations<Matrix<Element>, Matrix<N>>
    ) where N.Exact == Element {
        list.add(weight, bias: bias, into: y)
        guard isAdapted, let inner = kept.inner[module] else { return }
        for adapter in step.adapters {
            guard let factors = factors(adapter) else { continue }
            list.addTerm(adapter.rows, inner: inner.rows(adapter.rows), factor: factors.b, scale: factors.scale)
        }
    }

    /// dropout(X)·Aᵀ [T, R] of each layer alone, as `forward` leaves it.
    static func project<N: OperandNumber>(
        _ layers: [LoRALinear], _ x: Matrix<N>, _ step: BlockStep<N>,
        keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>
    ) where N.Exact == Element {
        for adapter in step.adapters {
            let rows = x.rows(adapter.rows)
            guard adapter.dropout == nil else {
                for layer in layers where layer.factors(adapter) != nil {
                    layer.dropped(rows, adapter, step).multiply(products: 1) {
                        layer.describeProjection(to: &$0, adapter, kept)
                    }
                }
                continue
            }
            withExtendedLifetime((adapter, kept)) {
                rows.multiply(products: layers.count) { list in
                    for layer in layers { layer.describeProjection(to: &list, adapter, kept) }
                }
            }
        }
    }

    /// Adds X·Aᵀ of an adapter to the products of X, if it has one here.
    private func describeProjection<N: OperandNumber>(
        to list: inout ProductList<N>, _ adapter: AdapterRows<Element>,
        _ kept: BlockActivations<Matrix<Element>, Matrix<N>>
    ) where N.Exact == Element {
        guard let factors = factors(adapter), let inner = kept.inner[module] else { return }
        list.add(factor: factors.a, into: inner.rows(adapter.rows))
    }

    /// With U = dY·B [T, R]: dB += s·dYᵀ·(dropout(X)·Aᵀ); dA += s·Uᵀ·dropout(X); dX (+)= dY·W + s·mask(U·A).
    ///
    /// - Parameters:
    ///   - kept: what the forward pass left.
    ///   - dx: nil if nothing below needs a gradient.
    ///   - makeInput: called before X is first read, when dX is there.
    func backward<N: OperandNumber>(
        _ dy: Matrix<N>, x: Matrix<N>, _ step: BlockStep<N>,
        kept: BlockActivations<Matrix<Element>, Matrix<N>>, into dx: ProductOutput<N>?,
        makeInput: () -> Void = {}
    ) where N.Exact == Element {
        // By index: pairs of both lists would be boxes.
        for index in step.gradients.indices {
            let adapter = step.adapters[index]
            guard let factors = factors(adapter) else { continue }
            let u = u(adapter, rank: factors.rank, step)
            withExtendedLifetime((adapter, step)) {
                dy.rows(adapter.rows).multiply(products: 1, transposed: true) { $0.add(factor: factors.b, into: u) }
            }
        }
        if let dx { backward(dy, step, into: dx) }
        makeInput()
        for index in step.gradients.indices {
            let (adapter, gradients) = (step.adapters[index], step.gradients[index])
            guard let entry = gradients.layout[site], let factors = factors(adapter), let inner = kept.inner[module]
            else { continue }
            inner.rows(adapter.rows).addGradient(
                ofRows: dy.rows(adapter.rows), into: gradients.b(entry), scale: factors.scale)
            u(adapter, rank: factors.rank, step).addGradient(
                dropped(x.rows(adapter.rows), adapter, step), into: gradients.a(entry), scale: factors.scale)
        }
    }

    /// dX (+)= dY·W + s·mask(U·A), with U in scratch memory.
    private func backward<N: OperandNumber>(
        _ dy: Matrix<N>, _ step: BlockStep<N>, into dx: ProductOutput<N>
    ) where N.Exact == Element {
        withExtendedLifetime((self, step, dx)) {
            dy.multiply(products: 1, terms: step.adapters.count, transposed: true) { list in
                list.add(weight, into: dx)
                for adapter in step.adapters where adapter.dropout == nil {
                    guard isAdapted, let factors = factors(adapter) else { continue }
                    list.addTerm(
                        adapter.rows, inner: u(adapter, rank: factors.rank, step), factor: factors.a,
                        scale: factors.scale)
                }
            }
        }
        for adapter in step.adapters where adapter.dropout != nil { addMasked(adapter, step, to: dx) }
    }

    /// The scratch memory for U of an adapter.
    private func u<N: OperandNumber>(_ adapter: AdapterRows<Element>, rank: Int, _ step: BlockStep<N>) -> Matrix<N>
    where N.Exact == Element {
        step.scratch.inner.rows(adapter.rows).leading(
            adapter.rows.count, innerColumns(rank: rank))
    }

    /// dX += s·mask(U·A), with U still in scratch memory.
    private func addMasked<N: OperandNumber>(
        _ adapter: AdapterRows<Element>, _ step: BlockStep<N>, to dx: ProductOutput<N>
    ) where N.Exact == Element {
        guard let dropout = adapter.dropout, let factors = factors(adapter) else { return }
        let rows = adapter.rows.count
        let u = u(adapter, rank: factors.rank, step)
        let masked = step.scratch.maskedExact.leading(rows, factors.a.columns)
        u.expand(factors.a, into: masked, scale: factors.scale)
        AttuneTensor.dropout(masked, into: masked, rate: dropout.rate, stream: dropout.stream.child(stream))
        dx.add(masked, to: adapter.rows)
    }

    /// dropout(X) in scratch memory, or X itself where nothing is dropped.
    private func dropped<N: OperandNumber>(
        _ x: Matrix<N>, _ adapter: AdapterRows<Element>, _ step: BlockStep<N>
    ) -> Matrix<N> where N.Exact == Element {
        guard let dropout = adapter.dropout else { return x }
        let exact = step.scratch.maskedExact.leading(x.rows, x.columns)
        x.widen(into: exact)
        AttuneTensor.dropout(exact, into: exact, rate: dropout.rate, stream: dropout.stream.child(stream))
        let masked = step.scratch.masked.leading(x.rows, x.columns)
        masked.set(exact)
        return masked
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The feed-forward half of a block: Y = M + Wd·(silu(Wg·N) ∘ Wu·N) with N = norm(M) (SwiGLU, arXiv:2002.05202).
///
/// M, N, Y [T, D]; gate, up, hidden [T, F].
struct FeedForwardLayer<Element: Scalar>: Sendable {
    /// 1 × D.
    let norm: Matrix<Element>
    let normEpsilon: Element
    let gate: LoRALinear<Element>
    let up: LoRALinear<Element>
    let down: LoRALinear<Element>

    init(model: BaseModel, layer: Int, layout: LoRALayout, precision: Precision) {
        let weights = model.layers[layer]
        func site(_ module: TargetModule) -> LoRALinear<Element> {
            LoRALinear(
                Linear(
                    weights, module, precision: TransformerBlock<Element>.forwardPrecision(layer, precision),
                    gradientPrecision: precision),
                site: LoRASite(layer: layer, module: module), layout: layout)
        }
        norm = Matrix(converting: weights.feedForwardNorm)
        normEpsilon = Element(model.configuration.normEpsilon)
        gate = site(.gate)
        up = site(.up)
        down = site(.down)
    }

    var adaptsInputs: Bool { gate.isAdapted || up.isAdapted }

    /// Y = M + Wd·(silu(Wg·N) ∘ Wu·N), M being `kept.middle`; fills the feed-forward's part of `kept`.
    ///
    /// With `y` nil only what the backward pass needs is computed.
    func forward(
        _ step: BlockStep<Element>, keeping kept: BlockActivations<Matrix<Element>>, into y: Matrix<Element>?
    ) {
        let normalized = step.scratch.normalized
        rmsNorm(kept.middle, weight: norm, epsilon: normEpsilon, into: normalized, inverseRoot: kept.feedForwardRoot)
        gate.forward(normalized, step, inner: kept.inner[.gate], into: kept.gate)
        up.forward(normalized, step, inner: kept.inner[.up], into: kept.up)
        let hidden = step.scratch.hidden
        if let y {
            swiGLU(gate: kept.gate, up: kept.up, into: hidden)
            y.copy(from: kept.middle)
            down.forward(hidden, step, inner: kept.inner[.down], into: y, accumulating: true)
        } else if down.isAdapted {
            swiGLU(gate: kept.gate, up: kept.up, into: hidden)
            down.project(hidden, step, inner: kept.inner[.down])
        }
    }

    /// Turns `d` from the gradient of Y into that of M, and adds the gradients of the factors.
    ///
    /// dh = dY·Wd; dgate = dh ∘ up ∘ σ(1 + gate(1 − σ)), dup = dh ∘ gate ∘ σ with σ = sigmoid(gate);
    /// dN = dgate·Wg + dup·Wu; dM = dY + normᵀ(dN). gate and up in `kept` are overwritten by their gradients.
    func backward(
        _ d: Matrix<Element>, _ step: BlockStep<Element>, kept: BlockActivations<Matrix<Element>>, needsInput: Bool
    ) {
        let scratch = step.scratch
        let passes = needsInput || adaptsInputs
        if down.isAdapted { swiGLU(gate: kept.gate, up: kept.up, into: scratch.hidden) }
        down.backward(d, x: scratch.hidden, step, inner: kept.inner[.down], into: passes ? scratch.dHidden : nil)
        guard passes else { return }
        swiGLUBackward(dh: scratch.dHidden, gate: kept.gate, up: kept.up, dGate: kept.gate, dUp: kept.up)
        let normalized = scratch.normalized
        rmsNorm(kept.middle, weight: norm, epsilon: normEpsilon, into: normalized, inverseRoot: kept.feedForwardRoot)
        let dn = needsInput ? scratch.dNormalized : nil
        gate.backward(kept.gate, x: normalized, step, inner: kept.inner[.gate], into: dn)
        up.backward(kept.up, x: normalized, step, inner: kept.inner[.up], into: dn, accumulating: true)
        guard let dn else { return }
        rmsNormBackward(dn, x: kept.middle, weight: norm, inverseRoot: kept.feedForwardRoot, accumulatingInto: d)
    }
}

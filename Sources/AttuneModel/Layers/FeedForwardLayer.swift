// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The feed-forward half of a block: Y = M + Wd·(silu(Wg·N) ∘ Wu·N) with N = norm(M) (SwiGLU, arXiv:2002.05202).
///
/// M, N, Y [T, D]; gate, up, hidden [T, F].
struct FeedForwardLayer<Element: PassNumber>: Sendable {
    /// 1 × D.
    let norm: Matrix<Element>
    let normEpsilon: Element
    let gate: LoRALinear<Element>
    let up: LoRALinear<Element>
    let down: LoRALinear<Element>
    /// Gate and up, and down, as the products of one input.
    private let inputs: [LoRALinear<Element>]
    private let outputs: [LoRALinear<Element>]

    init(model: BaseModel, layer: Int, layouts: [LoRALayout]) {
        let weights = model.layers[layer]
        func site(_ module: TargetModule) -> LoRALinear<Element> {
            LoRALinear(weights, layer: layer, module: module, layouts: layouts)
        }
        norm = Matrix(converting: weights.feedForwardNorm)
        normEpsilon = Element(model.configuration.normEpsilon)
        gate = site(.gate)
        up = site(.up)
        down = site(.down)
        inputs = [gate, up]
        outputs = [down]
    }

    var adaptsInputs: Bool { gate.isAdapted || up.isAdapted }

    /// Turns M into Y = M + Wd·(silu(Wg·N) ∘ Wu·N); fills the feed-forward's part of `kept`.
    ///
    /// Without `needsOutput` only what the backward pass needs is computed, and M stays.
    func forward<N: OperandNumber>(
        _ m: Matrix<Element>, _ step: BlockStep<N>, keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>,
        needsOutput: Bool
    ) where N.Exact == Element {
        let scratch = step.scratch
        rmsNorm(
            m, weight: norm, epsilon: normEpsilon, into: scratch.normalized, inverseRoot: kept.feedForwardRoot,
            keeping: kept.middle)
        LoRALinear.forward(gated: inputs, scratch.normalized, step, keeping: kept, hidden: scratch.hidden)
        if needsOutput {
            LoRALinear.forward(outputs, scratch.hidden, step, keeping: kept) { _ in .sum(m) }
        } else {
            LoRALinear.project(outputs, scratch.hidden, step, keeping: kept)
        }
    }

    /// Turns `d` from the gradient of Y into that of M, and adds the gradients of the factors.
    ///
    /// dh = dY·Wd; dgate = dh ∘ up ∘ σ(1 + gate(1 − σ)), dup = dh ∘ gate ∘ σ with σ = sigmoid(gate);
    /// dN = dgate·Wg + dup·Wu; dM = dY + normᵀ(dN). gate and up in `kept` are overwritten by their gradients.
    func backward<N: OperandNumber>(
        _ d: Matrix<Element>, _ step: BlockStep<N>, kept: BlockActivations<Matrix<Element>, Matrix<N>>, needsInput: Bool
    ) where N.Exact == Element {
        let scratch = step.scratch
        let passes = needsInput || adaptsInputs
        scratch.dOutput.set(d)
        // Of the sigmoids of the backward pass comes the hidden state too, which only the factors of Wd need.
        down.backward(
            scratch.dOutput, x: scratch.hidden, step, kept: kept, into: passes ? .operand(scratch.dHidden) : nil
        ) {
            if passes {
                swiGLUBackward(
                    dh: scratch.dHidden, gate: kept.gate, up: kept.up, into: down.isAdapted ? scratch.hidden : nil)
            } else if down.isAdapted {
                swiGLU(gate: kept.gate, up: kept.up, into: scratch.hidden)
            }
        }
        guard passes else { return }
        let normalized = scratch.normalized
        let root = kept.feedForwardRoot
        rmsNorm(again: kept.middle, weight: norm, epsilon: normEpsilon, inverseRoot: root, into: normalized)
        let dn = needsInput ? scratch.dNormalized : nil
        gate.backward(kept.gate, x: normalized, step, kept: kept, into: dn.map { .exact($0) })
        up.backward(kept.up, x: normalized, step, kept: kept, into: dn.map { .sum($0) })
        guard let dn else { return }
        rmsNormBackward(dn, kept: kept.middle, weight: norm, inverseRoot: root, accumulatingInto: d)
    }
}

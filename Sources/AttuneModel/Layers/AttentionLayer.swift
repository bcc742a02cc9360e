// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The attention half of a block: middle = X + Wo·Attn(norm(X)).
///
/// Per head, with q and k rotated by their positions: S = scale·q·kᵀ, causal inside a segment; P = softmax(S);
/// mixed = P·v. Query head i reads key-value head i / (H/K). X, middle [T, D]; q, mixed [T, H·hd]; k, v [T, K·hd].
struct AttentionLayer<Element: PassNumber>: Sendable {
    /// 1 × D.
    let norm: Matrix<Element>
    let normEpsilon: Element
    let query: LoRALinear<Element>
    let key: LoRALinear<Element>
    let value: LoRALinear<Element>
    let output: LoRALinear<Element>
    /// Query, key and value, and the output, as the products of one input.
    private let inputs: [LoRALinear<Element>]
    private let outputs: [LoRALinear<Element>]
    let headDimension: Int
    let scale: Element

    init(model: BaseModel, layer: Int, layouts: [LoRALayout]) {
        let weights = model.layers[layer]
        let configuration = model.configuration
        func site(_ module: TargetModule) -> LoRALinear<Element> {
            LoRALinear(weights, layer: layer, module: module, layouts: layouts)
        }
        norm = Matrix(converting: weights.attentionNorm)
        normEpsilon = Element(configuration.normEpsilon)
        query = site(.query)
        key = site(.key)
        value = site(.value)
        output = site(.output)
        inputs = [query, key, value]
        outputs = [output]
        headDimension = configuration.headDimension
        scale = Element(configuration.attentionScale)
    }

    /// Whether q, k or v is adapted, so that gradients must pass through the attention itself.
    var adaptsInputs: Bool { query.isAdapted || key.isAdapted || value.isAdapted }

    /// Turns X into middle = X + Wo·Attn(norm(X)); fills the attention's part of `kept`.
    func forward<N: OperandNumber>(
        _ x: Matrix<Element>, _ step: BlockStep<N>, keeping kept: BlockActivations<Matrix<Element>, Matrix<N>>
    ) where N.Exact == Element {
        let scratch = step.scratch
        rmsNorm(
            x, weight: norm, epsilon: normEpsilon, into: scratch.normalized, inverseRoot: kept.attentionRoot,
            keeping: kept.input)
        LoRALinear.forward(inputs, scratch.normalized, step, keeping: kept) {
            switch $0.module {
            case .query: .exact(kept.query)
            case .key: .exact(kept.key)
            default: .operand(kept.value)
            }
        }
        turn(kept.query, step)
        turn(kept.key, step)
        attention(
            q: kept.query, k: kept.key, v: kept.value, headDimension: headDimension,
            segments: step.segments,
            scale: scale, into: kept.mixed, logSumExp: kept.logSumExp)
        LoRALinear.forward(outputs, kept.mixed, step, keeping: kept) { _ in .sum(x) }
    }

    /// Turns `d` from the gradient of middle into that of X, and adds the gradients of the factors.
    ///
    /// dMixed = dMiddle·Wo; dq, dk, dv of the attention; rotation by −θ; dN = dq·Wq + dk·Wk + dv·Wv;
    /// dX = dMiddle + normᵀ(dN). Without `needsInput` it stops at the lowest adapted layer and leaves `d` alone.
    func backward<N: OperandNumber>(
        _ d: Matrix<Element>, _ step: BlockStep<N>, kept: BlockActivations<Matrix<Element>, Matrix<N>>, needsInput: Bool
    ) where N.Exact == Element {
        let scratch = step.scratch
        let passes = needsInput || adaptsInputs
        scratch.dOutput.set(d)
        output.backward(
            scratch.dOutput, x: kept.mixed, step, kept: kept, into: passes ? .operand(scratch.dMixed) : nil)
        guard passes else { return }
        let (dq, dk, dv) = (scratch.dQuery, scratch.dKey, scratch.dValue)
        attentionBackward(
            dO: scratch.dMixed, q: kept.query, k: kept.key, v: kept.value, o: kept.mixed,
            logSumExp: kept.logSumExp, headDimension: headDimension, segments: step.segments, scale: scale,
            into: dq, dk: dk, dv: dv)
        turnBack(dq, step, into: scratch.queryOperand)
        turnBack(dk, step, into: scratch.keyOperand)
        scratch.valueOperand.set(dv)
        let normalized = scratch.normalized
        let root = kept.attentionRoot
        rmsNorm(again: kept.input, weight: norm, epsilon: normEpsilon, inverseRoot: root, into: normalized)
        let dn = needsInput ? scratch.dNormalized : nil
        query.backward(scratch.queryOperand, x: normalized, step, kept: kept, into: dn.map { .exact($0) })
        key.backward(scratch.keyOperand, x: normalized, step, kept: kept, into: dn.map { .sum($0) })
        value.backward(scratch.valueOperand, x: normalized, step, kept: kept, into: dn.map { .sum($0) })
        guard let dn else { return }
        rmsNormBackward(dn, kept: kept.input, weight: norm, inverseRoot: root, accumulatingInto: d)
    }

    private func turn<N: OperandNumber>(_ x: Matrix<Element>, _ step: BlockStep<N>) where N.Exact == Element {
        rotate(x, headDimension: headDimension, positions: step.positions, table: step.table, inverse: false)
    }

    private func turnBack<N: OperandNumber>(_ x: Matrix<Element>, _ step: BlockStep<N>, into y: Matrix<N>)
    where N.Exact == Element {
        rotate(x, headDimension: headDimension, positions: step.positions, table: step.table, inverse: true, into: y)
    }
}

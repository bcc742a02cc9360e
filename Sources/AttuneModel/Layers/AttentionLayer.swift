// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The attention half of a block: middle = X + Wo·Attn(norm(X)).
///
/// Per head, with q and k rotated by their positions: S = scale·q·kᵀ, causal inside a segment; P = softmax(S);
/// mixed = P·v. Query head i reads key-value head i / (H/K). X, middle [T, D]; q, mixed [T, H·hd]; k, v [T, K·hd].
struct AttentionLayer<Element: Scalar>: Sendable {
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
    func forward(_ x: Matrix<Element>, _ step: BlockStep<Element>, keeping kept: BlockActivations<Operand<Element>>) {
        let scratch = step.scratch
        rmsNorm(
            x, weight: norm, epsilon: normEpsilon, into: scratch.normalized, inverseRoot: kept.attentionRoot.matrix,
            keeping: kept.input)
        LoRALinear.forward(inputs, scratch.normalized, step, keeping: kept) {
            $0.module == .query ? kept.query : $0.module == .key ? kept.key : kept.value
        }
        turn(kept.query.matrix, step)
        turn(kept.key.matrix, step)
        attention(
            q: kept.query.matrix, k: kept.key.matrix, v: kept.value, headDimension: headDimension,
            segments: step.segments,
            scale: scale, into: kept.mixed, logSumExp: kept.logSumExp.matrix)
        LoRALinear.forward(outputs, kept.mixed, step, keeping: kept, accumulating: true) { _ in .exact(x) }
    }

    /// Turns `d` from the gradient of middle into that of X, and adds the gradients of the factors.
    ///
    /// dMixed = dMiddle·Wo; dq, dk, dv of the attention; rotation by −θ; dN = dq·Wq + dk·Wk + dv·Wv;
    /// dX = dMiddle + normᵀ(dN). Without `needsInput` it stops at the lowest adapted layer and leaves `d` alone.
    func backward(
        _ d: Matrix<Element>, _ step: BlockStep<Element>, kept: BlockActivations<Operand<Element>>, needsInput: Bool
    ) {
        let scratch = step.scratch
        let passes = needsInput || adaptsInputs
        scratch.dOutput.set(d)
        output.backward(
            scratch.dOutput, x: kept.mixed, step, kept: kept, into: passes ? scratch.dMixed : nil)
        guard passes else { return }
        let (dq, dk, dv) = (scratch.dQuery.matrix, scratch.dKey.matrix, scratch.dValue.matrix)
        attentionBackward(
            dO: scratch.dMixed, q: kept.query.matrix, k: kept.key.matrix, v: kept.value, o: kept.mixed,
            logSumExp: kept.logSumExp.matrix, headDimension: headDimension, segments: step.segments, scale: scale,
            into: dq, dk: dk, dv: dv)
        turnBack(dq, step, into: scratch.queryOperand)
        turnBack(dk, step, into: scratch.keyOperand)
        scratch.valueOperand.set(dv)
        let normalized = scratch.normalized
        let root = kept.attentionRoot.matrix
        rmsNorm(again: kept.input, weight: norm, epsilon: normEpsilon, inverseRoot: root, into: normalized)
        let dn = needsInput ? scratch.dNormalized : nil
        query.backward(scratch.queryOperand, x: normalized, step, kept: kept, into: dn)
        key.backward(scratch.keyOperand, x: normalized, step, kept: kept, into: dn, accumulating: true)
        value.backward(scratch.valueOperand, x: normalized, step, kept: kept, into: dn, accumulating: true)
        guard let dn else { return }
        rmsNormBackward(dn.matrix, x: kept.input, weight: norm, inverseRoot: root, accumulatingInto: d)
    }

    private func turn(_ x: Matrix<Element>, _ step: BlockStep<Element>) {
        rotate(x, headDimension: headDimension, positions: step.positions, table: step.table, inverse: false)
    }

    private func turnBack(_ x: Matrix<Element>, _ step: BlockStep<Element>, into y: Operand<Element>) {
        rotate(x, headDimension: headDimension, positions: step.positions, table: step.table, inverse: true, into: y)
    }
}

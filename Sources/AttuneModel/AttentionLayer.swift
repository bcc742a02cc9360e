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
    let headDimension: Int
    let scale: Element

    init(model: BaseModel, layer: Int, layout: LoRALayout, precision: Precision) {
        let weights = model.layers[layer]
        let configuration = model.configuration
        func site(_ module: TargetModule) -> LoRALinear<Element> {
            LoRALinear(
                Linear(
                    weights, module, precision: TransformerBlock<Element>.forwardPrecision(layer, precision),
                    gradientPrecision: precision),
                site: LoRASite(layer: layer, module: module), layout: layout)
        }
        norm = Matrix(converting: weights.attentionNorm)
        normEpsilon = Element(configuration.normEpsilon)
        query = site(.query)
        key = site(.key)
        value = site(.value)
        output = site(.output)
        headDimension = configuration.headDimension
        scale = Element(configuration.attentionScale)
    }

    /// Whether q, k or v is adapted, so that gradients must pass through the attention itself.
    var adaptsInputs: Bool { query.isAdapted || key.isAdapted || value.isAdapted }

    /// middle = X + Wo·Attn(norm(X)); fills the attention's part of `kept`.
    func forward(_ x: Matrix<Element>, _ step: BlockStep<Element>, keeping kept: BlockActivations<Matrix<Element>>) {
        let normalized = step.scratch.normalized
        rmsNorm(x, weight: norm, epsilon: normEpsilon, into: normalized, inverseRoot: kept.attentionRoot)
        query.forward(normalized, step, inner: kept.inner[.query], into: kept.query)
        key.forward(normalized, step, inner: kept.inner[.key], into: kept.key)
        value.forward(normalized, step, inner: kept.inner[.value], into: kept.value)
        turn(kept.query, step, inverse: false)
        turn(kept.key, step, inverse: false)
        attention(
            q: kept.query, k: kept.key, v: kept.value, headDimension: headDimension, segments: step.segments,
            scale: scale, into: kept.mixed, logSumExp: kept.logSumExp)
        kept.middle.copy(from: x)
        output.forward(kept.mixed, step, inner: kept.inner[.output], into: kept.middle, accumulating: true)
    }

    /// Turns `d` from the gradient of middle into that of X, and adds the gradients of the factors.
    ///
    /// dMixed = dMiddle·Wo; dq, dk, dv of the attention; rotation by −θ; dN = dq·Wq + dk·Wk + dv·Wv;
    /// dX = dMiddle + normᵀ(dN). Without `needsInput` it stops at the lowest adapted layer and leaves `d` alone.
    func backward(
        _ d: Matrix<Element>, x: Matrix<Element>, _ step: BlockStep<Element>,
        kept: BlockActivations<Matrix<Element>>, needsInput: Bool
    ) {
        let scratch = step.scratch
        let passes = needsInput || adaptsInputs
        output.backward(d, x: kept.mixed, step, inner: kept.inner[.output], into: passes ? scratch.dMixed : nil)
        guard passes else { return }
        attentionBackward(
            dO: scratch.dMixed, q: kept.query, k: kept.key, v: kept.value, o: kept.mixed, logSumExp: kept.logSumExp,
            headDimension: headDimension, segments: step.segments, scale: scale, into: scratch.dQuery,
            dk: scratch.dKey, dv: scratch.dValue)
        turn(scratch.dQuery, step, inverse: true)
        turn(scratch.dKey, step, inverse: true)
        let normalized = scratch.normalized
        rmsNorm(x, weight: norm, epsilon: normEpsilon, into: normalized, inverseRoot: kept.attentionRoot)
        let dn = needsInput ? scratch.dNormalized : nil
        query.backward(scratch.dQuery, x: normalized, step, inner: kept.inner[.query], into: dn)
        key.backward(scratch.dKey, x: normalized, step, inner: kept.inner[.key], into: dn, accumulating: true)
        value.backward(scratch.dValue, x: normalized, step, inner: kept.inner[.value], into: dn, accumulating: true)
        guard let dn else { return }
        rmsNormBackward(dn, x: x, weight: norm, inverseRoot: kept.attentionRoot, accumulatingInto: d)
    }

    private func turn(_ x: Matrix<Element>, _ step: BlockStep<Element>, inverse: Bool) {
        rotate(x, headDimension: headDimension, positions: step.positions, table: step.table, inverse: inverse)
    }
}

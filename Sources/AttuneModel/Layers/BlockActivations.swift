// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// What the forward pass of one block leaves for its backward pass.
///
/// Cheap things are computed again instead: the normalised inputs from the inverse roots, SwiGLU's output from gate and
/// up. `Buffer` is a place in a plan, or the operand that lies there.
struct BlockActivations<Buffer: Sendable>: Sendable {
    /// Residual stream before the block, T × D.
    let input: Buffer
    /// 1/√(mean x² + ε) of the attention's norm, T × 1, exact.
    let attentionRoot: Buffer
    /// Queries after rotation, T × H·hd, exact: scores are differences of large numbers.
    let query: Buffer
    /// Keys after rotation, T × K·hd, exact.
    let key: Buffer
    /// T × K·hd.
    let value: Buffer
    /// Σ softmax·v of each head, T × H·hd.
    let mixed: Buffer
    /// Logarithm of the softmax's denominator, T × H, exact.
    let logSumExp: Buffer
    /// Residual stream between attention and feed-forward, T × D.
    let middle: Buffer
    /// 1/√(mean x² + ε) of the feed-forward's norm, T × 1, exact.
    let feedForwardRoot: Buffer
    /// T × F.
    let gate: Buffer
    /// T × F.
    let up: Buffer
    /// dropout(X)·Aᵀ of each adapted site, T × R.
    let inner: SiteBuffers<Buffer>

    func map<Other>(_ transform: (Buffer) -> Other) -> BlockActivations<Other> {
        BlockActivations<Other>(
            input: transform(input), attentionRoot: transform(attentionRoot), query: transform(query),
            key: transform(key), value: transform(value), mixed: transform(mixed), logSumExp: transform(logSumExp),
            middle: transform(middle), feedForwardRoot: transform(feedForwardRoot), gate: transform(gate),
            up: transform(up), inner: inner.map(transform))
    }
}

extension BlockActivations {
    /// Takes over the numbers of exact activations, rounded where these are.
    func set<Element: Scalar>(_ exact: Self) where Buffer == Operand<Element> {
        input.set(exact.input.matrix)
        attentionRoot.set(exact.attentionRoot.matrix)
        query.set(exact.query.matrix)
        key.set(exact.key.matrix)
        value.set(exact.value.matrix)
        mixed.set(exact.mixed.matrix)
        logSumExp.set(exact.logSumExp.matrix)
        middle.set(exact.middle.matrix)
        feedForwardRoot.set(exact.feedForwardRoot.matrix)
        gate.set(exact.gate.matrix)
        up.set(exact.up.matrix)
        for module in TargetModule.allCases {
            guard let inner = inner[module], let other = exact.inner[module] else { continue }
            inner.set(other.matrix)
        }
    }
}

extension BlockActivations<BufferPlan.Slot> {
    /// Places the activations of a block whose sites have the given ranks (the largest of all layers that share it).
    init(shape: BaseShape, tokens: Int, rank: (TargetModule) -> Int, in plan: inout BufferPlan) {
        let queryWidth = shape.heads * shape.headDimension
        let keyWidth = shape.keyValueHeads * shape.headDimension
        input = plan.placeOperand(tokens, shape.width)
        attentionRoot = plan.place(tokens, 1)
        query = plan.place(tokens, queryWidth)
        key = plan.place(tokens, keyWidth)
        value = plan.placeOperand(tokens, keyWidth)
        mixed = plan.placeOperand(tokens, queryWidth)
        logSumExp = plan.place(tokens, shape.heads)
        middle = plan.placeOperand(tokens, shape.width)
        feedForwardRoot = plan.place(tokens, 1)
        gate = plan.placeOperand(tokens, shape.feedForward)
        up = plan.placeOperand(tokens, shape.feedForward)
        inner = SiteBuffers { module in
            let rank = rank(module)
            return rank > 0 ? plan.placeOperand(tokens, Operand<Float>.innerColumns(rank: rank)) : nil
        }
    }
}

/// One value for each linear layer of a block, nil where the layer is not adapted.
struct SiteBuffers<Buffer: Sendable>: Sendable {
    private(set) var query: Buffer?
    private(set) var key: Buffer?
    private(set) var value: Buffer?
    private(set) var output: Buffer?
    private(set) var gate: Buffer?
    private(set) var up: Buffer?
    private(set) var down: Buffer?

    /// Asks `make` for the value of each module, in the order of `TargetModule`.
    init(_ make: (TargetModule) -> Buffer?) {
        query = make(.query)
        key = make(.key)
        value = make(.value)
        output = make(.output)
        gate = make(.gate)
        up = make(.up)
        down = make(.down)
    }

    subscript(module: TargetModule) -> Buffer? {
        switch module {
        case .query: query
        case .key: key
        case .value: value
        case .output: output
        case .gate: gate
        case .up: up
        case .down: down
        }
    }

    func map<Other>(_ transform: (Buffer) -> Other) -> SiteBuffers<Other> {
        SiteBuffers<Other> { module in self[module].map(transform) }
    }
}

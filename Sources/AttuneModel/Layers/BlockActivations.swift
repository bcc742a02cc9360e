// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// What the forward pass of one block leaves for its backward pass.
///
/// Cheap things are computed again instead: the normalised inputs from the inverse roots, SwiGLU's output from gate and
/// up. Both types are places in a plan, or the matrices that lie there: of the pass's own numbers, and operands.
struct BlockActivations<Exact: Sendable, Operand: Sendable>: Sendable {
    /// Residual stream before the block, T × D.
    let input: Operand
    /// 1/√(mean x² + ε) of the attention's norm, T × 1.
    let attentionRoot: Exact
    /// Queries after rotation, T × H·hd, exact: scores are differences of large numbers.
    let query: Exact
    /// Keys after rotation, T × K·hd.
    let key: Exact
    /// T × K·hd.
    let value: Operand
    /// Σ softmax·v of each head, T × H·hd.
    let mixed: Operand
    /// Logarithm of the softmax's denominator, T × H.
    let logSumExp: Exact
    /// Residual stream between attention and feed-forward, T × D.
    let middle: Operand
    /// 1/√(mean x² + ε) of the feed-forward's norm, T × 1.
    let feedForwardRoot: Exact
    /// T × F.
    let gate: Operand
    /// T × F.
    let up: Operand
    /// dropout(X)·Aᵀ of each adapted site, T × R.
    let inner: SiteBuffers<Operand>

    func map<E, O>(exact: (Exact) -> E, operand: (Operand) -> O) -> BlockActivations<E, O> {
        BlockActivations<E, O>(
            input: operand(input), attentionRoot: exact(attentionRoot), query: exact(query), key: exact(key),
            value: operand(value), mixed: operand(mixed), logSumExp: exact(logSumExp), middle: operand(middle),
            feedForwardRoot: exact(feedForwardRoot), gate: operand(gate), up: operand(up), inner: inner.map(operand))
    }
}

extension BlockActivations {
    /// What lies at the places of a plan.
    init<N: OperandNumber>(
        _ plan: BlockActivations<BufferPlan.Slot, BufferPlan.OperandSlot>, in memory: PassMemory<N>
    ) where Exact == Matrix<N.Exact>, Operand == Matrix<N> {
        self = plan.map(exact: memory.matrix, operand: memory.operand)
    }

    /// The same for the first `count` rows.
    func prefix<N: OperandNumber>(_ count: Int) -> Self where Exact == Matrix<N.Exact>, Operand == Matrix<N> {
        map(exact: { $0.prefix(count) }, operand: { $0.prefix(count) })
    }

    /// Takes over the numbers of exact activations, rounded where these are.
    func set<N: OperandNumber>(_ exact: BlockActivations<Matrix<N.Exact>, Matrix<N.Exact>>)
    where Exact == Matrix<N.Exact>, Operand == Matrix<N> {
        input.set(exact.input)
        attentionRoot.copy(from: exact.attentionRoot)
        query.copy(from: exact.query)
        key.copy(from: exact.key)
        value.set(exact.value)
        mixed.set(exact.mixed)
        logSumExp.copy(from: exact.logSumExp)
        middle.set(exact.middle)
        feedForwardRoot.copy(from: exact.feedForwardRoot)
        gate.set(exact.gate)
        up.set(exact.up)
        for module in TargetModule.allCases {
            guard let inner = inner[module], let other = exact.inner[module] else { continue }
            inner.set(other)
        }
    }
}

extension BlockActivations<BufferPlan.Slot, BufferPlan.OperandSlot> {
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
            return rank > 0 ? plan.placeOperand(tokens, innerColumns(rank: rank)) : nil
        }
    }
}

/// One value for each linear layer of a block, nil if the layer is not adapted.
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

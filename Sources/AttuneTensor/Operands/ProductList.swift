// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CAttuneKernels

/// Where a product of operands goes; sums are made in the numbers of the pass alone.
package enum ProductOutput<Number: OperandNumber> {
    /// Overwritten.
    case exact(Matrix<Number.Exact>)
    /// Added to.
    case sum(Matrix<Number.Exact>)
    /// Overwritten, rounded where operands are.
    case operand(Matrix<Number>)

    var rows: Int {
        switch self {
        case .exact(let y), .sum(let y): y.rows
        case .operand(let y): y.rows
        }
    }

    var columns: Int {
        switch self {
        case .exact(let y), .sum(let y): y.columns
        case .operand(let y): y.columns
        }
    }

    /// Adds x to some of the rows that are there.
    package func add(_ x: Matrix<Number.Exact>, to rows: Range<Int>) {
        switch self {
        case .exact(let y), .sum(let y): AttuneTensor.add(x, to: y.rows(rows))
        case .operand(let y): y.rows(rows).add(x)
        }
    }
}

/// Products that share their left factor X, described one after another; describing them takes no memory anew.
///
/// Exact products are made as they are described, rounded ones all at once at the end. Whoever describes them keeps
/// their operands alive until then.
package struct ProductList<Number: OperandNumber> {
    private let x: Matrix<Number>
    private let transposed: Bool
    private let capacity: (products: Int, terms: Int)
    private let weights: UnsafeMutablePointer<attune_weight>
    private let products: UnsafeMutablePointer<attune_product>
    private let terms: UnsafeMutablePointer<attune_rounded_term>
    private var used = (products: 0, terms: 0)
    /// Of the last exact product.
    private var output: Matrix<Number.Exact>?

    /// - Parameters:
    ///   - products: the most that will be described.
    ///   - terms: the most low-rank terms of all of them together.
    init(_ x: Matrix<Number>, products: Int, terms: Int, transposed: Bool) {
        self.x = x
        self.transposed = transposed
        capacity = (products, terms)
        let bytes =
            products * (MemoryLayout<attune_weight>.stride + MemoryLayout<attune_product>.stride)
            + terms * MemoryLayout<attune_rounded_term>.stride
        let memory = attune_description_memory(Int64(bytes))!
        weights = memory.bindMemory(to: attune_weight.self, capacity: products)
        self.products = UnsafeMutableRawPointer(weights + products).bindMemory(
            to: attune_product.self, capacity: products)
        self.terms = UnsafeMutableRawPointer(self.products + products).bindMemory(
            to: attune_rounded_term.self, capacity: terms)
        _ = Kernels.prepared
    }

    /// Y (+)= X·Wᵀ + b, or X·W where transposed: X [T, in], W [out, in], b [1, out], Y [T, out].
    package mutating func add(
        _ weight: WeightMatrix, bias: Matrix<Number.Exact>? = nil, into output: ProductOutput<Number>
    ) {
        let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
        precondition(x.columns == inputs && output.columns == outputs, "shapes of a product")
        precondition(x.rows == output.rows, "rows of a product")
        Number.add(weight, bias: bias, into: output, to: &self)
    }

    /// U = X·Fᵀ for a dense F [R, in] of few rows, or X·F with F [in, R] where transposed; U has `innerColumns` columns.
    package mutating func add(factor: Matrix<Number.Exact>, into inner: Matrix<Number>) {
        precondition(inner.rows == x.rows && inner.columns >= rank(factor), "shapes of a projection")
        Number.add(factor: factor, into: inner, to: &self)
    }

    /// Adds s·U·F to the rows `rows` of the last product: F = Bᵀ for B [out, R], or A [R, in] where transposed.
    ///
    /// - Parameters:
    ///   - rows: disjoint and in ascending order over the terms of a product.
    ///   - inner: U, `rows.count` × `innerColumns`.
    package mutating func addTerm(
        _ rows: Range<Int>, inner: Matrix<Number>, factor: Matrix<Number.Exact>, scale: Number.Exact
    ) {
        precondition(inner.rows == rows.count, "one row of U for each row of the product")
        Number.addTerm(rows, inner: inner, factor: factor, scale: scale, to: &self)
    }

    private func rank(_ factor: Matrix<Number.Exact>) -> Int { transposed ? factor.columns : factor.rows }
}

extension ProductList where Number: PassNumber {
    fileprivate mutating func make(_ weight: WeightMatrix, bias: Matrix<Number>?, into output: ProductOutput<Number>) {
        let (y, accumulating) =
            switch output {
            case .exact(let y), .operand(let y): (y, false)
            case .sum(let y): (y, true)
            }
        if transposed {
            multiplyTransposed(x, by: weight, into: y, precision: .float32, accumulating: accumulating)
        } else {
            multiply(x, by: weight, bias: bias, into: y, precision: .float32, accumulating: accumulating)
        }
        self.output = y
    }

    fileprivate func make(factor: Matrix<Number>, into inner: Matrix<Number>) {
        multiply(x, factor, transposed: !transposed, into: inner.leading(x.rows, rank(factor)))
    }

    fileprivate func makeTerm(_ rows: Range<Int>, inner: Matrix<Number>, factor: Matrix<Number>, scale: Number) {
        guard let output else { preconditionFailure("a term before its product") }
        let rank = transposed ? factor.rows : factor.columns
        multiply(
            inner.leading(rows.count, rank), factor, transposed: !transposed, into: output.rows(rows), alpha: scale,
            beta: 1)
    }
}

extension ProductList<BFloat16> {
    fileprivate mutating func append(
        _ weight: attune_weight, bias: Matrix<Float>? = nil, into output: ProductOutput<BFloat16>
    ) {
        precondition(used.products < capacity.products, "a product too many")
        let place = used.products
        weights[place] = weight
        var product = attune_product()
        product.weight = UnsafePointer(weights + place)
        product.bias = bias.map { UnsafePointer($0.pointer) }
        product.stride = Int64(output.columns)
        switch output {
        case .exact(let y): product.y = UnsafeMutableRawPointer(y.pointer)
        case .sum(let y):
            product.y = UnsafeMutableRawPointer(y.pointer)
            product.accumulating = 1
        case .operand(let y):
            product.y = UnsafeMutableRawPointer(y.pointer)
            product.rounded = 1
        }
        product.terms = UnsafePointer(terms + used.terms)
        products[place] = product
        used.products += 1
    }

    mutating func append(factor: Matrix<Float>, into output: ProductOutput<BFloat16>) {
        let weight = attune_weight(
            type: Int32(BlockType.f32.rawValue), rows: Int64(factor.rows), columns: Int64(factor.columns),
            row_bytes: Int64(factor.columns * MemoryLayout<Float>.stride), bytes: factor.pointer)
        append(weight, into: output)
    }

    fileprivate mutating func append(factor: Matrix<Float>, into u: Matrix<BFloat16>) {
        append(factor: factor, into: .operand(u))
        let rank = rank(factor)
        guard rank % 2 == 1, rank < u.columns else { return }
        // The number beside an odd last one meets a zero in every product, but NaN of an earlier pass would survive.
        for row in 0..<u.rows { u.pointer[row * u.columns + rank] = BFloat16(0) }
    }

    fileprivate mutating func appendTerm(
        _ rows: Range<Int>, inner: Matrix<BFloat16>, factor: Matrix<Float>, scale: Float
    ) {
        precondition(used.products > 0 && used.terms < capacity.terms, "a term too many")
        terms[used.terms] = attune_rounded_term(
            first: Int64(rows.lowerBound), count: Int64(rows.count),
            rank: Int64(transposed ? factor.rows : factor.columns), stride: Int64(inner.columns), inner: inner.bits,
            factor: factor.pointer, scale: scale)
        used.terms += 1
        products[used.products - 1].term_count += 1
    }

    /// Makes what was only described; `hidden` is h = silu(gate)∘up of two rounded products.
    fileprivate func run(hidden: Matrix<BFloat16>?) {
        guard used.products > 0 else { return }
        if let hidden {
            precondition(used.products == 2, "a gated unit")
            attune_gated_products(
                x.bits, Int64(x.columns), Int64(x.rows), products, hidden.bits, Int64(hidden.columns))
        } else {
            attune_products(
                x.bits, Int64(x.columns), Int64(x.rows), transposed ? 1 : 0, products, Int64(used.products))
        }
    }
}

extension PassNumber {
    package static func add(
        _ weight: WeightMatrix, bias: Matrix<Self>?, into output: ProductOutput<Self>, to list: inout ProductList<Self>
    ) {
        list.make(weight, bias: bias, into: output)
    }

    package static func add(factor: Matrix<Self>, into inner: Matrix<Self>, to list: inout ProductList<Self>) {
        list.make(factor: factor, into: inner)
    }

    package static func addTerm(
        _ rows: Range<Int>, inner: Matrix<Self>, factor: Matrix<Self>, scale: Self, to list: inout ProductList<Self>
    ) {
        list.makeTerm(rows, inner: inner, factor: factor, scale: scale)
    }

    package static func run(_ list: ProductList<Self>, hidden: Matrix<Self>?) {}
}

extension BFloat16 {
    package static func add(
        _ weight: WeightMatrix, bias: Matrix<Float>?, into output: ProductOutput<BFloat16>,
        to list: inout ProductList<BFloat16>
    ) {
        list.append(weight.kernelWeight, bias: bias, into: output)
    }

    package static func add(
        factor: Matrix<Float>, into inner: Matrix<BFloat16>, to list: inout ProductList<BFloat16>
    ) {
        list.append(factor: factor, into: inner)
    }

    package static func addTerm(
        _ rows: Range<Int>, inner: Matrix<BFloat16>, factor: Matrix<Float>, scale: Float,
        to list: inout ProductList<BFloat16>
    ) {
        list.appendTerm(rows, inner: inner, factor: factor, scale: scale)
    }

    package static func run(_ list: ProductList<BFloat16>, hidden: Matrix<BFloat16>?) { list.run(hidden: hidden) }
}

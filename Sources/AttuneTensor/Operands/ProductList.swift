// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Products that share their left factor X, described one after another; describing them takes no memory anew.
///
/// Exact products are made as they are described, rounded ones all at once at the end. Whoever describes them keeps
/// their operands alive until then.
package struct ProductList<Element: Scalar> {
    private let x: Operand<Element>
    private let transposed: Bool
    private let capacity: (products: Int, terms: Int)
    private let weights: UnsafeMutablePointer<attune_weight>
    private let products: UnsafeMutablePointer<attune_product>
    private let terms: UnsafeMutablePointer<attune_rounded_term>
    private var used = (products: 0, terms: 0)
    /// Of the last exact product.
    private var output: Matrix<Element>?

    /// - Parameters:
    ///   - products: the most that will be described.
    ///   - terms: the most low-rank terms of all of them together.
    init(_ x: Operand<Element>, products: Int, terms: Int, transposed: Bool) {
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
    ///
    /// - Parameter output: Y; a rounded one cannot be added to.
    package mutating func add(
        _ weight: WeightMatrix, bias: Matrix<Element>? = nil, into output: Operand<Element>,
        accumulating: Bool = false
    ) {
        let (inputs, outputs) = transposed ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
        precondition(x.columns == inputs && output.columns == outputs, "shapes of a product")
        precondition(x.rows == output.rows, "rows of a product")
        switch x {
        case .exact(let x):
            let y = output.matrix
            if transposed {
                multiplyTransposed(x, by: weight, into: y, precision: .float32, accumulating: accumulating)
            } else {
                multiply(x, by: weight, bias: bias, into: y, precision: .float32, accumulating: accumulating)
            }
            self.output = y
        case .rounded:
            append(weight.kernelWeight, output, accumulating: accumulating)
            products[used.products - 1].bias = bias.map { UnsafePointer($0.float.pointer) }
        }
    }

    /// U = X·Fᵀ for a dense F [R, in] of few rows, or X·F with F [in, R] where transposed; U has `innerColumns` columns.
    package mutating func add(factor: Matrix<Element>, into inner: Operand<Element>) {
        let rank = transposed ? factor.columns : factor.rows
        precondition(inner.rows == x.rows && inner.columns >= rank, "shapes of a projection")
        switch x {
        case .exact(let x):
            multiply(x, factor, transposed: !transposed, into: inner.matrix.leading(x.rows, rank))
        case .rounded:
            let weight = attune_weight(
                type: Int32(BlockType.f32.rawValue), rows: Int64(factor.rows), columns: Int64(factor.columns),
                row_bytes: Int64(factor.columns * MemoryLayout<Float>.stride), bytes: factor.float.pointer)
            append(weight, inner, accumulating: false)
            guard case .rounded(let u) = inner, rank % 2 == 1, rank < u.columns else { return }
            // The number beside an odd last one meets a zero in every product, but NaN of an earlier pass would survive.
            for row in 0..<u.rows { u.pointer[row * u.columns + rank] = BFloat16(0) }
        }
    }

    /// Adds s·U·F to the rows `rows` of the last product: F = Bᵀ for B [out, R], or A [R, in] where transposed.
    ///
    /// - Parameters:
    ///   - rows: disjoint and in ascending order over the terms of a product.
    ///   - inner: U, `rows.count` × `innerColumns`.
    package mutating func addTerm(
        _ rows: Range<Int>, inner: Operand<Element>, factor: Matrix<Element>, scale: Element
    ) {
        precondition(inner.rows == rows.count, "one row of U for each row of the product")
        let rank = transposed ? factor.rows : factor.columns
        switch inner {
        case .exact(let inner):
            guard let output else { preconditionFailure("a term before its product") }
            multiply(
                inner.leading(rows.count, rank), factor, transposed: !transposed, into: output.rows(rows),
                alpha: scale, beta: 1)
        case .rounded(let inner):
            precondition(used.products > 0 && used.terms < capacity.terms, "a term too many")
            terms[used.terms] = attune_rounded_term(
                first: Int64(rows.lowerBound), count: Int64(rows.count), rank: Int64(rank),
                stride: Int64(inner.columns), inner: inner.bits, factor: factor.float.pointer, scale: Float(scale))
            used.terms += 1
            products[used.products - 1].term_count += 1
        }
    }

    private mutating func append(_ weight: attune_weight, _ output: Operand<Element>, accumulating: Bool) {
        precondition(used.products < capacity.products, "a product too many")
        let place = used.products
        weights[place] = weight
        var product = attune_product()
        product.weight = UnsafePointer(weights + place)
        product.stride = Int64(output.columns)
        switch output {
        case .exact(let y): product.y = UnsafeMutableRawPointer(y.float.pointer)
        case .rounded(let y):
            precondition(!accumulating, "a sum in bfloat16")
            product.y = UnsafeMutableRawPointer(y.pointer)
            product.rounded = 1
        }
        product.accumulating = accumulating ? 1 : 0
        product.terms = UnsafePointer(terms + used.terms)
        products[place] = product
        used.products += 1
    }

    /// Makes what was only described; `hidden` is h = silu(gate)∘up of two rounded products.
    func run(hidden: Operand<Element>? = nil) {
        guard case .rounded(let x) = x, used.products > 0 else { return }
        if case .rounded(let h)? = hidden {
            precondition(used.products == 2, "a gated unit")
            attune_gated_products(x.bits, Int64(x.columns), Int64(x.rows), products, h.bits, Int64(h.columns))
        } else {
            attune_products(
                x.bits, Int64(x.columns), Int64(x.rows), transposed ? 1 : 0, products, Int64(used.products))
        }
    }
}

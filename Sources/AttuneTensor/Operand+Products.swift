// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

extension Operand {
    /// Columns of the memory for U = X·Aᵀ: bfloat16 products take numbers in pairs.
    package static func innerColumns(rank: Int) -> Int { (rank + 1) / 2 * 2 }

    /// Y_i (+)= X·W_iᵀ + b_i + Σ s·U·Bᵀ for weights that share X: X [T, in], W_i [out_i, in], Y_i [T, out_i].
    package func multiply(_ products: [LinearProduct<Element>]) { run(products, transposed: false) }

    /// The products of a gated unit and h = silu(gate)∘up of them, rounded once: X [T, in], h [T, F].
    package func multiply(
        gate: LinearProduct<Element>, up: LinearProduct<Element>, hidden: Operand<Element>
    ) {
        precondition(gate.output.columns == up.output.columns && up.output.columns == hidden.columns, "a gated unit")
        run([gate, up], transposed: false, hidden: hidden)
    }

    /// dX (+)= dY·W + Σ s·U·A: this is dY [T, out], W [out, in], dX [T, in].
    package func multiplyTransposed(_ product: LinearProduct<Element>) { run([product], transposed: true) }

    private func run(
        _ products: [LinearProduct<Element>], transposed: Bool, hidden: Operand<Element>? = nil
    ) {
        for product in products {
            let (inputs, outputs) =
                transposed
                ? (product.weight.rows, product.weight.columns) : (product.weight.columns, product.weight.rows)
            precondition(columns == inputs && product.output.columns == outputs, "shapes of a product")
            precondition(rows == product.output.rows, "rows of a product")
        }
        switch self {
        case .exact(let x):
            for product in products { Self.run(x, product, transposed: transposed) }
            if let hidden { swiGLU(gate: products[0].output, up: products[1].output, into: hidden) }
        case .rounded(let x):
            Self.run(x, products, transposed: transposed, hidden: hidden)
        }
    }

    private static func run(_ x: Matrix<Element>, _ product: LinearProduct<Element>, transposed: Bool) {
        let y = product.output.matrix
        var accumulating = product.accumulating
        if let bias = product.bias {
            for row in 0..<y.rows {
                let target = y.rows(row..<row + 1)
                if accumulating { AttuneTensor.add(bias, to: target) } else { target.copy(from: bias) }
            }
            accumulating = true
        }
        if transposed {
            AttuneTensor.multiplyTransposed(
                x, by: product.weight, into: y, precision: .float32, accumulating: accumulating)
        } else {
            AttuneTensor.multiply(x, by: product.weight, into: y, precision: .float32, accumulating: accumulating)
        }
        for term in product.terms {
            let rank = transposed ? term.factor.rows : term.factor.columns
            AttuneTensor.multiply(
                term.inner.matrix.leading(term.rows.count, rank), term.factor, transposed: !transposed,
                into: y.rows(term.rows), alpha: term.scale, beta: 1)
        }
    }

    private static func run(
        _ x: Matrix<BFloat16>, _ products: [LinearProduct<Element>], transposed: Bool, hidden: Operand<Element>?
    ) {
        // All the terms first, because their addresses must hold while the products are described.
        let terms = products.flatMap(\.terms).map { term in
            guard case .rounded(let inner) = term.inner else { preconditionFailure("an inner product that is exact") }
            return attune_rounded_term(
                first: Int64(term.rows.lowerBound), count: Int64(term.rows.count),
                rank: Int64(transposed ? term.factor.rows : term.factor.columns), stride: Int64(inner.columns),
                inner: inner.bits, factor: term.factor.float.pointer, scale: Float(term.scale))
        }
        let weights = products.map(\.weight.kernelWeight)
        _ = Kernels.prepared
        withExtendedLifetime(products) {
            terms.withUnsafeBufferPointer { terms in
                weights.withUnsafeBufferPointer { weights in
                    var used = 0
                    var described: [attune_product] = []
                    for (index, product) in products.enumerated() {
                        var c = attune_product(product.output)
                        precondition(!product.accumulating || c.rounded == 0, "a sum in bfloat16")
                        c.weight = weights.baseAddress.map { $0 + index }
                        c.bias = product.bias.map { UnsafePointer($0.float.pointer) }
                        c.accumulating = product.accumulating ? 1 : 0
                        c.terms = terms.baseAddress.map { $0 + used }
                        c.term_count = Int64(product.terms.count)
                        used += product.terms.count
                        described.append(c)
                    }
                    if case .rounded(let h)? = hidden {
                        attune_gated_products(
                            x.bits, Int64(x.columns), Int64(x.rows), described, h.bits, Int64(h.columns))
                    } else {
                        attune_products(
                            x.bits, Int64(x.columns), Int64(x.rows), transposed ? 1 : 0, described,
                            Int64(described.count))
                    }
                }
            }
        }
    }

    /// U_i = X·A_iᵀ for factors that share X: X [T, in], A_i [R_i, in], U_i [T, R_i] in `innerColumns` columns.
    package func project(_ factors: [Matrix<Element>], into inners: [Operand]) {
        switch self {
        case .exact(let x):
            for (factor, inner) in zip(factors, inners) {
                AttuneTensor.multiply(
                    x, factor, transposed: true, into: inner.matrix.leading(x.rows, factor.rows))
            }
        case .rounded(let x): Self.project(x, factors, into: inners, transposed: false)
        }
    }

    /// U = dY·B: this is dY [T, out], B [out, R], U [T, R] in `innerColumns` columns.
    package func projectTransposed(_ factor: Matrix<Element>, into inner: Operand) {
        switch self {
        case .exact(let dy):
            AttuneTensor.multiply(dy, factor, into: inner.matrix.leading(dy.rows, factor.columns))
        case .rounded(let dy): Self.project(dy, [factor], into: [inner], transposed: true)
        }
    }

    /// Y = s·U·A: this is U [T, R] in `innerColumns` columns, A [R, in], Y [T, in].
    package func expand(_ factor: Matrix<Element>, into y: Matrix<Element>, scale factorScale: Element) {
        switch self {
        case .exact(let u):
            AttuneTensor.multiply(u.leading(y.rows, factor.rows), factor, into: y, alpha: factorScale)
        case .rounded(let u):
            Self.project(u, [factor], into: [.exact(y)], transposed: true)
            scale(y, by: factorScale)
        }
    }

    private static func project(
        _ x: Matrix<BFloat16>, _ factors: [Matrix<Element>], into outputs: [Operand], transposed: Bool
    ) {
        _ = Kernels.prepared
        withExtendedLifetime((factors, outputs)) {
            let weights = factors.map { factor in
                attune_weight(
                    type: Int32(BlockType.f32.rawValue), rows: Int64(factor.rows), columns: Int64(factor.columns),
                    row_bytes: Int64(factor.columns * MemoryLayout<Float>.stride), bytes: factor.float.pointer)
            }
            weights.withUnsafeBufferPointer { weights in
                var described: [attune_product] = []
                for (index, output) in outputs.enumerated() {
                    precondition(output.rows == x.rows, "rows of a projection")
                    var c = attune_product(output)
                    c.weight = weights.baseAddress.map { $0 + index }
                    described.append(c)
                }
                attune_products(
                    x.bits, Int64(x.columns), Int64(x.rows), transposed ? 1 : 0, described, Int64(described.count))
            }
        }
        for (factor, output) in zip(factors, outputs) {
            guard case .rounded(let u) = output else { continue }
            // The number beside an odd last one meets a zero in every product, but NaN of an earlier pass would survive.
            let rank = transposed ? factor.columns : factor.rows
            guard rank % 2 == 1, rank < u.columns else { continue }
            for row in 0..<u.rows { u.pointer[row * u.columns + rank] = BFloat16(0) }
        }
    }

    /// dA += s·Uᵀ·X: this is U [T, R] in `innerColumns` columns, X [T, in], dA [R, in].
    package func addGradient(_ x: Operand, into dA: Matrix<Element>, scale: Element) {
        addOuter(x, rank: dA.rows, into: dA, scale: scale, transposed: false)
    }

    /// dB += s·dYᵀ·U: this is U [T, R] in `innerColumns` columns, dY [T, out], dB [out, R].
    package func addGradient(ofRows dy: Operand, into dB: Matrix<Element>, scale: Element) {
        addOuter(dy, rank: dB.columns, into: dB, scale: scale, transposed: true)
    }

    private func addOuter(_ x: Operand, rank: Int, into g: Matrix<Element>, scale: Element, transposed: Bool) {
        precondition(x.rows == rows && columns >= rank, "shapes of a factor's gradient")
        switch (self, x) {
        case (.exact(let u), .exact(let x)):
            let u = u.leading(x.rows, rank)
            if transposed {
                AttuneTensor.multiply(x, transposed: true, u, into: g, alpha: scale, beta: 1)
            } else {
                AttuneTensor.multiply(u, transposed: true, x, into: g, alpha: scale, beta: 1)
            }
        case (.rounded(let u), .rounded(let x)):
            attune_low_rank_gradient(
                u.bits, Int64(u.columns), x.bits, Int64(x.columns), Int64(x.rows), Int64(rank), Int64(x.columns),
                Float(scale), g.float.pointer, transposed ? 1 : 0)
        default: preconditionFailure("operands of different cases")
        }
    }
}

extension attune_product {
    /// A product that overwrites `output`; its weight is still to be set.
    fileprivate init<Element>(_ output: Operand<Element>) {
        self.init()
        stride = Int64(output.columns)
        switch output {
        case .exact(let y): self.y = UnsafeMutableRawPointer(y.float.pointer)
        case .rounded(let y):
            self.y = UnsafeMutableRawPointer(y.pointer)
            rounded = 1
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// The weighted sum of adapters as one adapter: ΔW = Σ wᵢ·sᵢ·BᵢAᵢ of each matrix, brought back to a rank.
///
/// The factors are stacked, which is exact: [w₁s₁B₁ … wₙsₙBₙ]·[A₁; …; Aₙ] of rank Σrᵢ. Averaging A and B by themselves
/// is not the average of BA and is never done. To a lower rank: thin QR of both stacks, B = Q_b·R_b and Aᵀ = Q_a·R_a, the
/// singular value decomposition of the small R_b·R_aᵀ = U·S·Vᵀ, and its first r values, which no other matrix of
/// rank r comes closer to (Eckart and Young). In float64 throughout.
package enum AdapterMerge {
    /// One adapter and its share.
    package struct Part {
        package let adapter: Adapter
        package let weight: Double

        package init(_ adapter: Adapter, weight: Double) {
            self.adapter = adapter
            self.weight = weight
        }
    }

    /// What came of it.
    package struct Result {
        package let adapter: Adapter
        /// ‖merged − exact sum‖_F / ‖exact sum‖_F over all matrices; 0 if nothing was cut away.
        package let relativeError: Double
    }

    /// Most of stacked ranks that are taken together.
    static let rankLimit = 1 << 13

    /// Merges adapters of one base that adapt the same modules.
    ///
    /// - Parameter rank: of every matrix of the result; nil for the first adapter's rank.
    /// - Throws: `AdapterError` E-ADAPTER-014 if they do not fit together, E-ADAPTER-003 if numbers overflow.
    package static func merge(_ parts: [Part], rank: Int? = nil) throws(AdapterError) -> Result {
        guard parts.count >= 2, let first = parts.first?.adapter else {
            throw .notMergeable("there are not two of them")
        }
        let sites = Set(first.layout.entries.map(\.site))
        for part in parts {
            guard part.weight.isFinite else { throw .notMergeable("a weight is not a number") }
            guard part.adapter.base.id == first.base.id, part.adapter.base.shape == first.base.shape else {
                throw .notMergeable("they belong to different bases")
            }
            guard Set(part.adapter.layout.entries.map(\.site)) == sites else {
                throw .notMergeable("they adapt different modules or layers")
            }
        }
        let rank = rank ?? first.configuration.rank
        guard (1...rankLimit).contains(rank) else { throw .notMergeable("rank \(rank)") }
        var configuration = first.configuration
        // The scale stays what it was, so that training goes on as it did.
        configuration.alpha =
            first.configuration.scale * (configuration.rankStabilized ? Float(rank).squareRoot() : Float(rank))
        configuration.rank = rank
        let scale = configuration.scale > 0 && configuration.scale.isFinite ? configuration.scale : 1
        let layout = LoRALayout(
            shape: first.base.shape, sites: first.layout.entries.map { ($0.site, rank, scale) })
        let parameters = LoRAParameters<Float>(layout: layout)
        var lost = 0.0
        var total = 0.0
        for entry in layout.entries {
            let (cut, whole) = try merge(parts, into: parameters, entry, scale: Double(scale))
            lost += cut
            total += whole
        }
        return Result(
            adapter: Adapter(base: first.base, configuration: configuration, parameters: parameters),
            relativeError: total > 0 ? (lost / total).squareRoot() : 0)
    }

    /// Fills one site; the squared norms of what was cut away and of the exact sum.
    private static func merge(
        _ parts: [Part], into parameters: LoRAParameters<Float>, _ entry: LoRALayout.Entry, scale: Double
    ) throws(AdapterError) -> (cut: Double, whole: Double) {
        let (b, a) = try stacked(parts, entry)
        guard let left = orthogonalFactors(b), let right = orthogonalFactors(a) else {
            throw .notMergeable("\(entry.site) has no numbers")
        }
        let small = Matrix<Double>(rows: left.r.rows, columns: right.r.rows)
        multiply(left.r, right.r, transposed: true, into: small)
        guard let (u, values, v) = singularFactors(small) else { throw .notFinite("\(entry.site)") }
        let kept = min(entry.rank, values.count)
        // B' = Q_b·U·√(S/s) and A' = √(S/s)·Vᵀ·Q_aᵀ: both sides share the size, as training leaves it.
        let outer = Matrix<Double>(rows: u.rows, columns: kept)
        let inner = Matrix<Double>(rows: kept, columns: v.columns)
        for index in 0..<kept {
            let size = (values[index] / scale).squareRoot()
            for row in 0..<u.rows { outer[row, index] = u[row, index] * size }
            for column in 0..<v.columns { inner[index, column] = v[index, column] * size }
        }
        let newB = Matrix<Double>(rows: entry.outputs, columns: kept)
        multiply(left.q, outer, into: newB)
        let newA = Matrix<Double>(rows: kept, columns: entry.inputs)
        multiply(inner, right.q, transposed: true, into: newA)
        let (targetA, targetB) = (parameters.a(entry), parameters.b(entry))
        var finite = true
        for row in 0..<kept {
            for column in 0..<entry.inputs { targetA[row, column] = Float(newA[row, column]) }
        }
        for row in 0..<entry.outputs {
            for column in 0..<kept { targetB[row, column] = Float(newB[row, column]) }
        }
        for value in targetA.buffer { finite = finite && value.isFinite }
        for value in targetB.buffer { finite = finite && value.isFinite }
        guard finite else { throw .notFinite("\(entry.site)") }
        let squares = values.map { $0 * $0 }
        return (squares.dropFirst(kept).reduce(0, +), squares.reduce(0, +))
    }

    /// [w₁s₁B₁ …] of [out, Σr] and [A₁; …]ᵀ of [in, Σr].
    private static func stacked(
        _ parts: [Part], _ entry: LoRALayout.Entry
    ) throws(AdapterError) -> (b: Matrix<Double>, a: Matrix<Double>) {
        let layouts = parts.compactMap { part in part.adapter.layout[entry.site].map { (part, $0) } }
        let rank = layouts.reduce(0) { $0 + $1.1.rank }
        guard rank <= rankLimit else { throw .notMergeable("their ranks add up to \(rank)") }
        let b = Matrix<Double>(rows: entry.outputs, columns: rank)
        let a = Matrix<Double>(rows: entry.inputs, columns: rank)
        var column = 0
        for (part, place) in layouts {
            let (partA, partB) = (part.adapter.parameters.a(place), part.adapter.parameters.b(place))
            let factor = part.weight * Double(place.scale)
            for index in 0..<place.rank {
                for row in 0..<entry.outputs {
                    b.pointer[row * rank + column + index] = factor * Double(partB.pointer[row * place.rank + index])
                }
                for row in 0..<entry.inputs {
                    a.pointer[row * rank + column + index] = Double(partA.pointer[index * entry.inputs + row])
                }
            }
            column += place.rank
        }
        return (b, a)
    }
}

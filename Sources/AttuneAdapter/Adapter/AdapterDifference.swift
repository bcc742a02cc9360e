// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// What changed between two adapters of one base: how far each adapted matrix moved, and which settings differ.
package struct AdapterDifference: Codable, Hashable, Sendable {
    /// The change of one adapted matrix; a site that an adapter lacks counts as zero there.
    package struct Site: Codable, Hashable, Sendable {
        package let site: LoRASite
        /// Frobenius norms of ΔW = s·B·A before and after.
        package let before: Double
        package let after: Double
        /// ‖s₂B₂A₂ − s₁B₁A₁‖_F.
        package let change: Double
    }

    /// One setting that differs, as people write it.
    package struct Setting: Codable, Hashable, Sendable {
        package let name: String
        package let before: String
        package let after: String
    }

    /// Sorted by site.
    package let sites: [Site]
    package let settings: [Setting]

    /// Compares two adapters; nil if they belong to different bases.
    package init?(from old: Adapter, to new: Adapter) {
        guard old.base.id == new.base.id else { return nil }
        let all = Set(old.layout.entries.map(\.site)).union(new.layout.entries.map(\.site)).sorted()
        sites = all.map { site in
            let before = old.layout[site].map { Factors(old.parameters, $0) }
            let after = new.layout[site].map { Factors(new.parameters, $0) }
            return Site(
                site: site, before: before?.norm ?? 0, after: after?.norm ?? 0,
                change: Factors.distance(before, after))
        }
        settings = Self.settings(old.configuration, new.configuration)
    }

    /// How many adapted matrices changed at all.
    package var changedSites: Int { sites.count { $0.change > 0 } }

    private static func settings(_ old: LoRAConfiguration, _ new: LoRAConfiguration) -> [Setting] {
        func names(_ modules: [TargetModule]) -> String { modules.map(\.projectionName).joined(separator: ", ") }
        func numbers(_ layers: [Int]) -> String {
            guard let first = layers.first, let last = layers.last else { return "none" }
            return layers == Array(first...last) ? "\(first)-\(last)" : layers.map(String.init).joined(separator: ", ")
        }
        let pairs = [
            ("rank", "\(old.rank)", "\(new.rank)"),
            ("alpha", "\(old.alpha)", "\(new.alpha)"),
            ("rsLoRA", old.rankStabilized ? "on" : "off", new.rankStabilized ? "on" : "off"),
            ("dropout", "\(old.dropout)", "\(new.dropout)"),
            ("modules", names(old.modules), names(new.modules)),
            ("layers", numbers(old.layers), numbers(new.layers)),
        ]
        return pairs.filter { $0.1 != $0.2 }.map { Setting(name: $0.0, before: $0.1, after: $0.2) }
    }
}

/// s·B [out, R] and A [R, in] of one site in float64.
private struct Factors {
    let a: Matrix<Double>
    let b: Matrix<Double>

    init(_ parameters: LoRAParameters<Float>, _ entry: LoRALayout.Entry) {
        let a = parameters.a(entry)
        let b = parameters.b(entry)
        self.a = Matrix(rows: a.rows, columns: a.columns, a.buffer.lazy.map { Double($0) })
        self.b = Matrix(rows: b.rows, columns: b.columns, b.buffer.lazy.map { Double($0) * Double(entry.scale) })
    }

    init(a: Matrix<Double>, b: Matrix<Double>) {
        self.a = a
        self.b = b
    }

    /// ‖BA‖_F = √ Σ (BᵀB)∘(AAᵀ), from two R×R products: BA itself is never formed.
    var norm: Double {
        let gramA = Matrix<Double>(rows: a.rows, columns: a.rows)
        let gramB = Matrix<Double>(rows: a.rows, columns: a.rows)
        multiply(a, transposed: false, a, transposed: true, into: gramA)
        multiply(b, transposed: true, b, into: gramB)
        return max(0, zip(gramA.buffer, gramB.buffer).reduce(0) { $0 + $1.0 * $1.1 }).squareRoot()
    }

    /// ‖B₂A₂ − B₁A₁‖_F.
    static func distance(_ first: Factors?, _ second: Factors?) -> Double {
        guard let first else { return second?.norm ?? 0 }
        guard let second else { return first.norm }
        // At equal ranks the factors of the difference are small themselves, so nothing cancels:
        // B₂A₂ − B₁A₁ = (B₂ − B₁)A₁ + B₂(A₂ − A₁). At other ranks the two products are subtracted.
        if first.a.rows == second.a.rows {
            return stacked(difference(second.b, first.b), first.a, second.b, difference(second.a, first.a)).norm
        }
        let negative = Matrix<Double>(rows: first.b.rows, columns: first.b.columns, first.b.buffer.lazy.map { -$0 })
        return stacked(second.b, second.a, negative, first.a).norm
    }

    private static func difference(_ x: Matrix<Double>, _ y: Matrix<Double>) -> Matrix<Double> {
        Matrix(rows: x.rows, columns: x.columns, zip(x.buffer, y.buffer).map { $0 - $1 })
    }

    /// [B₁ B₂] · [A₁; A₂].
    private static func stacked(
        _ b1: Matrix<Double>, _ a1: Matrix<Double>, _ b2: Matrix<Double>, _ a2: Matrix<Double>
    ) -> Factors {
        let a = Matrix<Double>(rows: a1.rows + a2.rows, columns: a1.columns)
        a.rows(0..<a1.rows).copy(from: a1)
        a.rows(a1.rows..<a.rows).copy(from: a2)
        let b = Matrix<Double>(rows: b1.rows, columns: b1.columns + b2.columns)
        for row in 0..<b.rows {
            let target = b.pointer + row * b.columns
            target.update(from: b1.pointer + row * b1.columns, count: b1.columns)
            (target + b1.columns).update(from: b2.pointer + row * b2.columns, count: b2.columns)
        }
        return Factors(a: a, b: b)
    }
}

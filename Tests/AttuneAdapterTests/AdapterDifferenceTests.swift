// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Testing

@Suite struct AdapterDifferenceTests {
    /// ‖Σ sᵢBᵢAᵢ‖_F with ΔW formed in full.
    private func norm(_ terms: [(sign: Double, adapter: Adapter)], _ site: LoRASite) -> Double {
        var delta: [Double] = []
        for (sign, adapter) in terms {
            guard let entry = adapter.layout[site] else { continue }
            let a = adapter.parameters.a(entry)
            let b = adapter.parameters.b(entry)
            if delta.isEmpty { delta = Array(repeating: 0, count: b.rows * a.columns) }
            for row in 0..<b.rows {
                for column in 0..<a.columns {
                    for inner in 0..<a.rows {
                        delta[row * a.columns + column] +=
                            sign * Double(entry.scale) * Double(b[row, inner]) * Double(a[inner, column])
                    }
                }
            }
        }
        return delta.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    private func random(rank: Int, modules: [TargetModule] = TargetModule.allCases, seed: UInt64) -> Adapter {
        let adapter = Sample.adapter(rank: rank, alpha: 3, modules: modules)
        let stream = RandomStream(seed: seed)
        for index in adapter.parameters.values.buffer.indices {
            adapter.parameters.values.buffer[index] = Float(stream.normal(at: UInt64(index)))
        }
        return adapter
    }

    @Test func normsAreThoseOfTheFullMatrices() throws {
        let one = random(rank: 2, seed: 1)
        for other in [random(rank: 2, seed: 2), random(rank: 3, seed: 3), random(rank: 1, modules: [.query], seed: 4)] {
            let difference = try #require(AdapterDifference(from: one, to: other))
            #expect(difference.sites.count == 14)
            for site in difference.sites {
                let change = norm([(-1, one), (1, other)], site.site)
                #expect(abs(site.change - change) < 1e-9 * (1 + change))
                #expect(abs(site.before - norm([(1, one)], site.site)) < 1e-9 * (1 + change))
                #expect(abs(site.after - norm([(1, other)], site.site)) < 1e-9 * (1 + change))
            }
        }
    }

    @Test func equalAdaptersDifferInNothing() throws {
        let difference = try #require(AdapterDifference(from: Sample.adapter(), to: Sample.adapter()))
        #expect(difference.changedSites == 0)
        #expect(difference.settings.isEmpty)
    }

    @Test func tinyChangesAreNotLostInRounding() throws {
        let old = random(rank: 2, seed: 1)
        let new = random(rank: 2, seed: 1)
        let entry = old.layout.entries[3]
        let b = new.parameters.b(entry)
        b[0, 0] = b[0, 0].nextUp
        let difference = try #require(AdapterDifference(from: old, to: new))
        let expected = norm([(-1, old), (1, new)], entry.site)
        #expect(difference.changedSites == 1)
        #expect(abs(difference.sites[3].change - expected) < 1e-6 * expected)
    }

    @Test func settingsAreNamedAndOtherBasesRefused() throws {
        let difference = try #require(
            AdapterDifference(
                from: Sample.adapter(), to: Sample.adapter(rank: 3, modules: [.query, .value], layers: [1])))
        #expect(difference.settings.map(\.name) == ["rank", "modules", "layers"])
        #expect(AdapterDifference(from: Sample.adapter(), to: Sample.adapter(base: Sample.smolLM2)) == nil)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import Testing

@Suite struct AdapterMergeTests {
    private func random(rank: Int, alpha: Float = 3, modules: [TargetModule] = TargetModule.allCases, seed: UInt64)
        -> Adapter
    {
        let adapter = Sample.adapter(rank: rank, alpha: alpha, modules: modules)
        let stream = RandomStream(seed: seed)
        for index in adapter.parameters.values.buffer.indices {
            adapter.parameters.values.buffer[index] = Float(stream.normal(at: UInt64(index)))
        }
        return adapter
    }

    /// Σ wᵢ·sᵢ·BᵢAᵢ of a site, formed in full.
    private func sum(_ parts: [(Double, Adapter)], _ site: LoRASite) -> Matrix<Double> {
        let entry = parts[0].1.layout[site]!
        let delta = Matrix<Double>(rows: entry.outputs, columns: entry.inputs)
        for (weight, adapter) in parts {
            let place = adapter.layout[site]!
            let (a, b) = (adapter.parameters.a(place), adapter.parameters.b(place))
            for row in 0..<b.rows {
                for column in 0..<a.columns {
                    for inner in 0..<a.rows {
                        delta[row, column] +=
                            weight * Double(place.scale) * Double(b[row, inner]) * Double(a[inner, column])
                    }
                }
            }
        }
        return delta
    }

    private func norm(_ x: Matrix<Double>, minus y: Matrix<Double>? = nil) -> Double {
        var total = 0.0
        for index in 0..<x.count {
            let value = x.pointer[index] - (y.map { $0.pointer[index] } ?? 0)
            total += value * value
        }
        return total.squareRoot()
    }

    @Test func withAllRanksKeptTheMergedAdapterIsTheExactSum() throws {
        let one = random(rank: 2, seed: 1)
        let two = random(rank: 3, alpha: 5, seed: 2)
        let merged = try AdapterMerge.merge([.init(one, weight: 0.7), .init(two, weight: 0.3)], rank: 5)
        #expect(merged.relativeError == 0)
        for entry in merged.adapter.layout.entries {
            let exact = sum([(0.7, one), (0.3, two)], entry.site)
            #expect(norm(sum([(1, merged.adapter)], entry.site), minus: exact) < 1e-5 * norm(exact))
        }
    }

    @Test func aLowerRankIsTheClosestThereIs() throws {
        let one = random(rank: 3, seed: 3)
        let two = random(rank: 3, seed: 4)
        let merged = try AdapterMerge.merge([.init(one, weight: 0.5), .init(two, weight: 0.5)])
        #expect(merged.adapter.configuration.rank == 3)
        #expect(merged.adapter.configuration.scale == one.configuration.scale)
        var (lost, total) = (0.0, 0.0)
        for entry in merged.adapter.layout.entries {
            let exact = sum([(0.5, one), (0.5, two)], entry.site)
            let values = try #require(singularFactors(exact)).values
            let least = values.dropFirst(3).reduce(0) { $0 + $1 * $1 }.squareRoot()
            let found = norm(sum([(1, merged.adapter)], entry.site), minus: exact)
            #expect(least > 0)
            #expect(abs(found - least) < 1e-5 * norm(exact))
            lost += least * least
            total += norm(exact) * norm(exact)
        }
        #expect(abs(merged.relativeError - (lost / total).squareRoot()) < 1e-9)
    }

    @Test func averagingTheFactorsWouldGiveSomethingElse() throws {
        let one = random(rank: 2, seed: 5)
        let two = random(rank: 2, seed: 6)
        let averaged = Sample.adapter(rank: 2, alpha: 3)
        for index in averaged.parameters.values.buffer.indices {
            averaged.parameters.values.buffer[index] =
                (one.parameters.values.buffer[index] + two.parameters.values.buffer[index]) / 2
        }
        let site = one.layout.entries[0].site
        let exact = sum([(0.5, one), (0.5, two)], site)
        let merged = try AdapterMerge.merge([.init(one, weight: 0.5), .init(two, weight: 0.5)])
        let distance = norm(sum([(1, averaged)], site), minus: exact)
        #expect(distance > norm(exact) / 10)
        #expect(norm(sum([(1, merged.adapter)], site), minus: exact) < distance)
    }

    @Test func oneAdapterTwiceIsItself() throws {
        let one = random(rank: 2, seed: 7)
        let merged = try AdapterMerge.merge([.init(one, weight: 0.25), .init(one, weight: 0.75)])
        for entry in one.layout.entries {
            let exact = sum([(1, one)], entry.site)
            #expect(norm(sum([(1, merged.adapter)], entry.site), minus: exact) < 1e-5 * norm(exact))
        }
        #expect(merged.relativeError < 1e-9)
    }

    @Test func adaptersThatDoNotFitTogetherAreRefused() throws {
        let one = random(rank: 2, seed: 8)
        func refused(_ parts: [AdapterMerge.Part], rank: Int? = nil) -> String? {
            do {
                _ = try AdapterMerge.merge(parts, rank: rank)
                return nil
            } catch { return error.code }
        }
        let half = AdapterMerge.Part(one, weight: 0.5)
        let elsewhere = Sample.adapter(
            base: BaseIdentity(id: .filled(8), name: "other", shape: Sample.shape()))
        #expect(refused([half]) == "E-ADAPTER-014")
        #expect(refused([half, .init(elsewhere, weight: 0.5)]) == "E-ADAPTER-014")
        #expect(refused([half, .init(random(rank: 2, modules: [.query], seed: 9), weight: 0.5)]) == "E-ADAPTER-014")
        #expect(refused([half, .init(one, weight: .nan)]) == "E-ADAPTER-014")
        #expect(refused([half, half], rank: 0) == "E-ADAPTER-014")
        #expect(refused([half, .init(one, weight: 1e300)]) == "E-ADAPTER-003")
    }
}

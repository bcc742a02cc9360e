// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor
import Testing

@Suite struct AdapterInitializationTests {
    private func make(_ modules: [TargetModule] = TargetModule.allCases, seed: UInt64 = 1) -> Adapter {
        Adapter.initialized(
            base: Sample.base(),
            configuration: LoRAConfiguration(rank: 8, alpha: 16, modules: modules, layers: [0, 1]), seed: seed)
    }

    @Test func newAdaptersChangeNothing() {
        let adapter = make()
        for entry in adapter.layout.entries {
            #expect(adapter.parameters.b(entry).values.allSatisfy { $0 == 0 })
        }
    }

    @Test func factorAIsUniformWithinItsBound() {
        let adapter = make()
        for entry in adapter.layout.entries {
            let a = adapter.parameters.a(entry).values
            let bound = 1 / Float(entry.inputs).squareRoot()
            #expect(a.allSatisfy { abs($0) <= bound })
            let variance = a.reduce(0) { $0 + $1 * $1 } / Float(a.count)
            #expect(abs(variance * 3 / (bound * bound) - 1) < 0.4)
        }
    }

    @Test func numbersDependOnSeedAndSiteAlone() throws {
        let all = make()
        let few = make([.down])
        #expect(make().encoded() == all.encoded())
        #expect(make(seed: 2).encoded() != all.encoded())
        let entry = try #require(few.layout.entries.first)
        let same = try #require(all.layout[entry.site])
        #expect(few.parameters.a(entry).values == all.parameters.a(same).values)
        let first = all.layout.entries[0]
        #expect(all.parameters.a(first).values != all.parameters.a(all.layout.entries[7]).values)
    }
}

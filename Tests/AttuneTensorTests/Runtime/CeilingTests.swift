// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Testing

@Suite struct CeilingTests {
    @Test func everyCPUMultipliesFloats() {
        #expect(Ceiling.operationsPerSecond(.float32, seconds: 0.001) > 1e6)
    }

    @Test func numbersThatALevelDoesNotHaveHaveNoCeiling() {
        #expect(
            Kernels.at(.avx2) { Ceiling.operationsPerSecond(.bfloat16, seconds: 0) } == 0 || Kernels.bestLevel < .avx2)
        let best = Ceiling.operationsPerSecond(.bfloat16, seconds: 0.001)
        #expect((best > 0) == (Kernels.bestLevel == .avx512bf16 && Kernels.level == "avx512bf16"))
    }

    @Test func readingHasARateForAnySize() {
        for count in [1, 127, 1 << 18, 1_000_003] {
            let bytes = [UInt8](repeating: 7, count: count)
            #expect(bytes.withUnsafeBytes { Ceiling.readRate($0) } > 0)
        }
    }
}

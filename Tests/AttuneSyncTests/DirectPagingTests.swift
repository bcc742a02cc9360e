// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneWire
import Testing

/// What goes straight from one device to another.
@Suite struct DirectPagingTests {
    @Test func oneRunSendsEveryChunkThatTheOtherDeviceWants() throws {
        let circle = try Simulation(seed: 4, quiet: 2)
        let (sender, taker) = (circle.devices[0].store, circle.devices[1].store)
        // The other device names at most 1,024 at once.
        let ids = (0..<2_500).map { ChunkID(BLAKE2b.hash(Array("chunk \($0)".utf8))) }
        _ = try sender.draft(Simulation.marker, kind: .version, chunks: ids)
        try taker.want(ids)
        try circle.sync(0, with: 1)
        try circle.advance(until: circle.now + 86_400_000)
        #expect(circle.devices[0].machine == nil && circle.devices[0].lastProblems.isEmpty)
        #expect(taker.state.chunks == Set(ids))
    }
}

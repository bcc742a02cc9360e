// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneKit
import AttuneTraining
import AttuneVault
import Foundation
import Testing

/// States below the adapted layers, kept on disk while a session runs.
@Suite struct TrunkPlanTests {
    private func session(_ store: KitStore, _ name: String, limit: Int?) throws -> TrainingSession {
        var request = try store.request(name, epochs: 3)
        request.layers = .last(1)
        request.trunkCache = limit
        return try TrainingSession.prepare(request, in: store.workspace)
    }

    @Test func aRunEndsInTheSameBytesWithAndWithout() throws {
        let store = try KitStore()
        let folder = store.workspace.paths.store.path
        let sessions = try [session(store, "kept", limit: nil), session(store, "plain", limit: 0)]
        let trunk = try #require(sessions[0].trunk)
        #expect(trunk.layers == 1)
        #expect(trunk.reason == nil)
        // 32 numbers of 4 bytes for each token, and a seal for each block.
        let blocks = sessions[0].parts[0].packed.training.blocks + sessions[0].parts[0].packed.validation.blocks
        #expect(trunk.bytes == blocks.reduce(0) { $0 + 128 * $1.tokens.count + 16 })
        #expect(sessions[1].trunk == nil)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let tensors = try sessions.map { session in
            try store.workspace.load(try #require(try session.runAlone().version)).adapter.encoded()
        }
        #expect(tensors[0] == tensors[1])
        #expect(!names.contains { $0.hasPrefix("spool") })
    }

    @Test func aLimitThatIsTooSmallIsSaidToBe() throws {
        let store = try KitStore()
        let trunk = try #require(try session(store, "notes", limit: 100).trunk)
        #expect(trunk.reason == "they may take 100 B")
    }

    @Test func whereAllLayersAreAdaptedThereIsNothingToKeep() throws {
        let store = try KitStore()
        let request = try store.request()
        #expect(try TrainingSession.prepare(request, in: store.workspace).trunk == nil)
    }
}

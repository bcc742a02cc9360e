// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneModel
import AttuneTensor
import AttuneTestSupport
import AttuneTraining
import AttuneVault
import Foundation
import Testing

@testable import AttuneKit

/// Adapters that come from elsewhere and say of themselves what is not true.
@Suite struct ForeignAdapterTests {
    private static let passphrase = Array("of the file".utf8)

    private static func workspace(_ folder: borrowing TemporaryDirectory) throws -> (Workspace, BaseRecord) {
        let paths = Paths(
            store: folder.path + "/store",
            environment: ["HOME": folder.path, "ATTUNE_BASES": folder.path + "/bases"])
        let file = try SyntheticGGUF(layers: 2, width: 32, type: .f32).write(to: folder, name: "tiny.gguf")
        let base = try BaseLibrary(folder: paths.bases).add(path: file, name: "tiny")
        let vault = try Vault.create(
            at: paths.store.path, passphrase: SecretBytes(copying: Self.passphrase), recovery: .random(),
            cost: PassphraseCost(opslimit: 1, memlimit: 8192))
        return (Workspace(paths: paths, vault: vault), base)
    }

    private static func adapter(_ base: BaseIdentity) -> Adapter {
        Adapter.initialized(base: base, configuration: LoRAConfiguration(rank: 2, alpha: 4, layers: [0, 1]), seed: 1)
    }

    @Test func aFileThatLiesAboutTheShapeOfABaseIsRefused() throws {
        let folder = try TemporaryDirectory()
        let (workspace, base) = try Self.workspace(folder)
        let real = base.shape
        let shape = BaseShape(
            architecture: real.architecture, layers: real.layers, width: real.width * 2,
            feedForward: real.feedForward, heads: real.heads, keyValueHeads: real.keyValueHeads,
            headDimension: real.headDimension, vocabulary: real.vocabulary,
            rotatesAdjacentPairs: real.rotatesAdjacentPairs)
        let lie = Self.adapter(BaseIdentity(id: base.id, name: base.name, shape: shape))
        let path = folder.path + "/lie.attune"
        try PortableAdapter(adapter: lie, manifest: AdapterManifest(lie))
            .seal(to: path, passphrase: SecretBytes(copying: Self.passphrase))
        do {
            _ = try workspace.importSealed(
                path, to: .new("lie"), base: nil, passphrase: SecretBytes(copying: Self.passphrase))
            Issue.record("it was taken")
        } catch let error as KitError {
            #expect(error.code == "E-BASE-013")
            #expect(error.exitStatus == .invalidData)
        }
        // One that was taken in before its base was here is refused when it is to be used.
        let record = try workspace.keep(lie, manifest: AdapterManifest(lie), as: "lie")
        let loaded = try workspace.load(record)
        #expect(throws: KitError.self) { try workspace.bases.find(loaded.adapter.base) }
        #expect(throws: KitError.self) { try loaded.check(against: base) }
        #expect(throws: Never.self) { try workspace.bases.find(base.identity) }
    }

    @Test func aContextThatNoMachineHasRoomForIsRefused() throws {
        let folder = try TemporaryDirectory()
        let file = try SyntheticGGUF(layers: 1, width: 32, contextLength: Int(Int32.max), type: .f32)
            .write(to: folder, name: "wide.gguf")
        let model = try BaseModel(path: file)
        func plan(_ context: Int) throws -> DecodingPlan {
            try DecodingPlan(
                model: model, tokens: 4, context: context, cacheType: .f16, limits: MemoryLimits(available: 1 << 30))
        }
        #expect(throws: KitError.self) { try plan(Int(Int32.max)) }
        #expect(throws: Never.self) { try plan(4096) }
    }
}

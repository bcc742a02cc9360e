// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Foundation
import Testing

@testable import AttuneAdapter

/// Tensors are looked at while their bytes pass, and found to be what the whole file would be found to be.
@Suite struct AdapterInspectorTests {
    private static func adapter(_ change: (UnsafeMutableBufferPointer<Float>) -> Void = { _ in }) -> Adapter {
        let base = Sample.base()
        let adapter = Adapter.initialized(
            base: base, configuration: LoRAConfiguration(rank: 3, alpha: 6, layers: [0, 1]), seed: 5)
        let values = adapter.parameters.values.buffer
        for index in values.indices { values[index] = Float(index % 17) / 16 - 0.5 }
        change(values)
        return adapter
    }

    private static func inspect(_ bytes: [UInt8], _ manifest: AdapterManifest, step: Int) throws -> [Double] {
        var inspector = try AdapterInspector(manifest: manifest, size: bytes.count)
        try bytes.withUnsafeBytes { all in
            for start in stride(from: 0, to: all.count, by: step) {
                try inspector.take(UnsafeRawBufferPointer(rebasing: all[start..<min(start + step, all.count)]))
            }
        }
        return try inspector.norms().map(\.norm)
    }

    private static func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? AdapterError)?.code ?? "\(error)"
        }
    }

    @Test(arguments: [1, 3, 7, 64, 4096, 1 << 20]) func anyPiecesGiveTheNormsOfTheWhole(step: Int) throws {
        let adapter = Self.adapter()
        let (bytes, manifest) = (adapter.encoded(), AdapterManifest(adapter))
        let norms = try Self.inspect(bytes, manifest, step: step)
        let expected = adapter.norms.map(\.norm)
        #expect(norms.count == expected.count)
        for (found, norm) in zip(norms, expected) { #expect(abs(found - norm) <= 1e-9 * norm) }
    }

    @Test(arguments: [1, 5, 4096]) func whatTheWholeFileIsRefusedForIsFound(step: Int) throws {
        let (sound, bad) = (Self.adapter(), Self.adapter { $0[11] = .nan })
        let manifest = AdapterManifest(sound)
        #expect(Self.code { _ = try Self.inspect(bad.encoded(), manifest, step: step) } == "E-ADAPTER-003")
        let bytes = sound.encoded()
        #expect(Self.code { _ = try Self.inspect(Array(bytes.dropLast()), manifest, step: step) } == "E-ADAPTER-001")
        #expect(Self.code { _ = try Self.inspect(bytes + [0], manifest, step: step) } == "E-ADAPTER-001")
        #expect(Self.code { _ = try Self.inspect([], manifest, step: step) } == "E-ADAPTER-001")
        var long = bytes
        long.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(Self.code { _ = try Self.inspect(long, manifest, step: step) } == "E-ADAPTER-001")
        let other = Adapter.initialized(
            base: sound.base, configuration: LoRAConfiguration(rank: 2, alpha: 6, layers: [0, 1]), seed: 5)
        #expect(Self.code { _ = try Self.inspect(other.encoded(), manifest, step: step) } == "E-ADAPTER-004")
    }

    @Test func aRankThatItsMatrixCannotUseIsRefusedBeforeAnyByte() throws {
        let base = Sample.base()
        func manifest(_ rank: Int) -> AdapterManifest {
            let layout = LoRALayout(shape: base.shape, sites: [(LoRASite(layer: 0, module: .query), rank, 1)])
            return AdapterManifest(
                Adapter(
                    base: base, configuration: LoRAConfiguration(rank: rank, alpha: 1, modules: [.query], layers: [0]),
                    parameters: LoRAParameters(layout: layout)))
        }
        let entry = try #require(manifest(1).layout().entries.first)
        let limit = max(64, min(entry.inputs, entry.outputs))
        #expect(Self.code { _ = try AdapterInspector(manifest: manifest(limit), size: 1) } == nil)
        #expect(Self.code { _ = try AdapterInspector(manifest: manifest(limit + 1), size: 1) } == "E-ADAPTER-015")
        // One that is trained here stays within it.
        let trained = LoRALayout(shape: base.shape, configuration: LoRAConfiguration(rank: 1024, alpha: 1, layers: [0]))
        #expect(trained.entries.allSatisfy { $0.rank == $0.rankLimit })
    }

    @Test func memoryThatCannotBeHadIsAnError() throws {
        let base = Sample.base()
        let shape = BaseShape(
            architecture: "llama", layers: 1 << 16, width: 1 << 20, feedForward: 1 << 20, heads: 1, keyValueHeads: 1,
            headDimension: 1 << 20, vocabulary: 1, rotatesAdjacentPairs: false)
        let sites = (0..<1 << 16).map { (site: LoRASite(layer: $0, module: .query), rank: 1 << 16, scale: Float(1)) }
        let layout = LoRALayout(shape: shape, sites: sites)
        #expect(Self.code { _ = try LoRAParameters<Float>(fitting: layout) } == "E-MEMORY-003")
        #expect(Storage<Float>(fitting: .max) == nil)
        #expect(Storage<Float>(fitting: -1) == nil)
        #expect(base.shape.layers > 0)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Foundation
import Testing

@Suite struct AdapterEncodingTests {
    @Test func encodedAdaptersReadBack() throws {
        let adapter = Sample.adapter()
        let manifest = AdapterManifest(adapter)
        let stored = try JSONDecoder().decode(AdapterManifest.self, from: JSONEncoder().encode(manifest))
        #expect(stored == manifest)
        let copy = try adapter.encoded().withUnsafeBytes { try Adapter(encoded: $0, manifest: stored) }
        #expect(copy.parameters.values.values == adapter.parameters.values.values)
        #expect(copy.layout == adapter.layout)
        #expect(copy.configuration == adapter.configuration)
        #expect(copy.encoded() == adapter.encoded())
    }

    @Test func sizeIsThatOfTheFormula() {
        let adapter = Sample.adapter(rank: 3, modules: [.query], layers: [1])
        #expect(adapter.layout.count == 3 * (16 + 16))
    }

    @Test func numbersThatAreNotFiniteAreRefused() throws {
        let adapter = Sample.adapter()
        adapter.parameters.values[0, 5] = .infinity
        #expect(throws: AdapterError.self) {
            try adapter.encoded().withUnsafeBytes { try Adapter(encoded: $0, manifest: AdapterManifest(adapter)) }
        }
    }

    @Test func tensorsOfAnotherManifestAreRefused() throws {
        let bytes = Sample.adapter().encoded()
        for other in [
            Sample.adapter(rank: 3), Sample.adapter(modules: [.query]), Sample.adapter(layers: [1]),
            Sample.adapter(base: Sample.smolLM2, layers: [0, 1]),
        ] {
            #expect(throws: AdapterError.self) {
                try bytes.withUnsafeBytes { try Adapter(encoded: $0, manifest: AdapterManifest(other)) }
            }
        }
    }

    @Test(arguments: [
        ("\"rank\":2", "\"rank\":4611686018427387904"), ("\"rank\":2", "\"rank\":0"), ("\"rank\":2", "\"rank\":-1"),
        ("\"layer\":1", "\"layer\":0"), ("\"layer\":1", "\"layer\":900"), ("\"layer\":1", "\"layer\":-1"),
        ("\"width\":16", "\"width\":4611686018427387904"), ("\"width\":16", "\"width\":-16"),
        ("\"headDimension\":8", "\"headDimension\":7"), ("\"method\":\"lora\"", "\"method\":\"dora\""),
        ("\"formatVersion\":1", "\"formatVersion\":9"),
    ])
    func hostileManifestsAreRefused(from: String, to: String) throws {
        let adapter = Sample.adapter()
        let encoder = JSONEncoder()
        let text = String(decoding: try encoder.encode(AdapterManifest(adapter)), as: UTF8.self)
        #expect(text.contains(from))
        let manifest = try JSONDecoder().decode(
            AdapterManifest.self, from: Data(text.replacingOccurrences(of: from, with: to).utf8))
        #expect(throws: AdapterError.self) {
            try adapter.encoded().withUnsafeBytes { try Adapter(encoded: $0, manifest: manifest) }
        }
    }
}

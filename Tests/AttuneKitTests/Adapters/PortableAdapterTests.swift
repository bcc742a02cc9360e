// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

@testable import AttuneKit

@Suite struct PortableAdapterTests {
    struct Vectors: Decodable {
        let manifest: String
        let tensorNames: [String]
        let safetensors: HexBytes
        let payload: HexBytes
        let versionID: VersionID
    }

    let vectors: Vectors
    init() throws { vectors = try SchemaVectors.load("adapter") }

    private func read(_ bytes: [UInt8]) throws -> PortableAdapter {
        try bytes.withUnsafeBytes { try PortableAdapter(encoded: $0, from: "a.attune") }
    }

    @Test func aPayloadMadeElsewhereIsReadAndWrittenAgainToTheSameBytes() throws {
        let portable = try read(vectors.payload.bytes)
        #expect(portable.adapter.parameters.values.values == (0..<18).map { Float($0) / 8 })
        #expect(portable.manifest.base.name == "tiny")
        #expect(portable.manifest.training == nil)
        #expect(try JSON.stored(portable.manifest) == vectors.manifest)
        #expect(portable.adapter.encoded() == vectors.safetensors.bytes)
        #expect(try portable.encoded() == vectors.payload.bytes)
    }

    @Test func tensorsHaveTheNamesOfThePage() throws {
        let names = try vectors.safetensors.bytes.withUnsafeBytes { try SafetensorsFile($0).entries.map(\.name) }
        #expect(names.sorted() == vectors.tensorNames)
    }

    @Test func theIdOfAVersionIsThatOfThePage() throws {
        let id = try VersionTable.id(manifest: vectors.manifest, content: BlobContent(vectors.safetensors.bytes))
        #expect(id == vectors.versionID)
    }

    @Test func payloadsThatAreCutOrLongerAreRefused() {
        let bytes = vectors.payload.bytes
        for count in bytes.indices {
            #expect(throws: (any Error).self) { try read(Array(bytes[..<count])) }
        }
        #expect(throws: (any Error).self) { try read(bytes + [0]) }
    }

    @Test func otherContentOfASealedFileIsNoAdapter() throws {
        for bytes in [Array("ATADAPT3".utf8) + vectors.payload.bytes.dropFirst(8), [], Array("hello".utf8)] {
            let error = #expect(throws: KitError.self) { try read(bytes) }
            #expect(error?.code == "E-FILE-011")
        }
    }
}

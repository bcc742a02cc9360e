// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Testing

@Suite struct ChunkSealerTests {
    struct Vectors: Decodable {
        struct Length: Decodable {
            let length: Int
            let padded: Int
        }
        struct Chunk: Decodable {
            let start: HexBytes
            let tag: HexBytes
            let id: Digest256
        }
        struct Blob: Decodable {
            let length: Int
            let chunks: [Chunk]
        }
        let blobKey: HexBytes
        let blobID: HexBytes
        let padme: [Length]
        let blobs: [Blob]
    }

    let vectors: Vectors
    init() throws { vectors = try SchemaVectors.load("chunk") }

    private func seal(_ plaintext: [UInt8]) throws -> [SealedChunk] {
        try plaintext.withUnsafeBytes {
            try ChunkSealer.seal($0, blobKey: vectors.blobKey.secret, blobID: vectors.blobID.bytes)
        }
    }

    private func open(_ chunks: [SealedChunk], _ length: Int) throws -> [UInt8] {
        try ChunkSealer.open(
            chunks, length: length, blobKey: vectors.blobKey.secret, blobID: vectors.blobID.bytes)
    }

    @Test func padmeAgreesWithTheVectorsAndWastesAtMostTwelvePercent() {
        for item in vectors.padme { #expect(Padme.padded(item.length) == item.padded) }
        #expect(Padme.padded(20_000_000) == 20_447_232)
        #expect(Padme.padded(.max) == nil)
        for length in 2..<5000 {
            let padded = Padme.padded(length) ?? 0
            #expect(padded >= length && Double(padded) <= Double(length) * 1.12)
            #expect(Padme.padded(padded) == padded)
        }
    }

    @Test(arguments: ["chunk", "from-python/chunk"])
    func chunksAgreeWithTheVectors(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: Vectors.self)
        for blob in vectors.blobs {
            let chunks = try SchemaVectors.content(blob.length).withUnsafeBytes {
                try ChunkSealer.seal($0, blobKey: vectors.blobKey.secret, blobID: vectors.blobID.bytes)
            }
            #expect(chunks.map(\.id) == blob.chunks.map(\.id))
            for (chunk, expected) in zip(chunks, blob.chunks) {
                #expect(chunk.bytes.count == 1 << 20)
                #expect(Array(chunk.bytes[..<48]) == expected.start.bytes)
                #expect(Array(chunk.bytes.suffix(16)) == expected.tag.bytes)
            }
        }
    }

    @Test(arguments: [0, 1, 1_048_535, 1_048_536, 1_048_537, 3_000_000])
    func contentSurvivesTheRoundTripAtItsExactLength(_ length: Int) throws {
        let content = SchemaVectors.content(length)
        let chunks = try seal(content)
        #expect(chunks.count == ChunkSealer.chunkCount(length: length))
        #expect(try open(chunks, length) == content)
        #expect(try seal(content) == chunks)
    }

    @Test func movedMissingForeignAndChangedChunksAreRefused() throws {
        let length = 2_500_000
        let chunks = try seal(SchemaVectors.content(length))
        #expect(chunks.count == 3)
        #expect(errorCode { _ = try open([chunks[1], chunks[0], chunks[2]], length) } == "E-SEAL-003")
        #expect(errorCode { _ = try open(Array(chunks[..<2]), length) } == "E-SEAL-002")
        #expect(errorCode { _ = try open(Array(chunks[..<1]), 1000) } == "E-SEAL-003")
        #expect(errorCode { _ = try open(chunks, -1) } == "E-SEAL-002")
        #expect(errorCode { _ = try open(chunks, .max) } == "E-SEAL-002")
        // Shorter by some bytes but the same count of chunks: what is left over is not padding.
        #expect(errorCode { _ = try open(chunks, length - 1) } == "E-SEAL-003")
        let foreign = try ChunkSealer(
            blobKey: vectors.blobKey.secret, blobID: [UInt8](repeating: 1, count: 16), length: length)
        #expect(
            errorCode { _ = try chunks[0].bytes.withUnsafeBytes { try foreign.open($0, index: 0) } } == "E-SEAL-003")
    }

    @Test func everySampledBitFlipIsDetectedByIdAndBySeal() throws {
        let content = SchemaVectors.content(1000)
        let chunk = try seal(content)[0]
        let sealer = try ChunkSealer(
            blobKey: vectors.blobKey.secret, blobID: vectors.blobID.bytes, length: content.count)
        var generator = SystemRandomNumberGenerator()
        for round in 0..<60 {
            let place = round < 24 ? round : Int.random(in: 0..<chunk.bytes.count, using: &generator)
            var bytes = chunk.bytes
            bytes[place] ^= 1 << UInt8(round % 8)
            #expect(errorCode { _ = try bytes.withUnsafeBytes { try sealer.open($0, index: 0) } } == "E-SEAL-003")
            #expect(errorCode { _ = try SealedChunk(bytes: bytes, id: chunk.id) } == "E-SEAL-001")
        }
    }

    @Test func equalContentUnderAnotherKeyLooksUnrelated() throws {
        let content = SchemaVectors.content(1000)
        let other = try content.withUnsafeBytes {
            try ChunkSealer.seal($0, blobKey: SecretBytes(random: 32), blobID: vectors.blobID.bytes)
        }
        #expect(try seal(content)[0].id != other[0].id)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import CSodium
import Foundation
import Testing

@testable import AttuneCrypto

@Suite struct ChunkSealerTests {
    struct Vectors: Codable {
        struct Length: Codable {
            let length: Int
            let padded: Int
        }
        struct Chunk: Codable {
            let size: Int
            let start: HexBytes
            let tag: HexBytes
            let id: ChunkID
        }
        struct Blob: Codable {
            let length: Int
            let chunks: [Chunk]
        }
        let blobKey: HexBytes
        let blobID: BlobID
        var content: String?
        let padme: [Length]
        var blobs: [Blob]
        /// Blobs whose last chunk is as long as the others.
        var earlierBlobs: [Blob]
    }

    let vectors: Vectors
    init() throws { vectors = try SchemaVectors.load("chunk") }

    private func seal(_ plaintext: [UInt8]) throws -> [SealedChunk] {
        try plaintext.withUnsafeBytes {
            try ChunkSealer.seal($0, blobKey: vectors.blobKey.secret, blobID: vectors.blobID)
        }
    }

    private func open(_ chunks: [SealedChunk], _ length: Int) throws -> [UInt8] {
        try ChunkSealer.open(
            chunks, length: length, blobKey: vectors.blobKey.secret, blobID: vectors.blobID)
    }

    @Test func padmeAgreesWithTheVectorsAndWastesAtMostTwelvePercent() {
        for item in vectors.padme { #expect(Padme.padded(item.length) == item.padded) }
        #expect(Padme.padded(20_000_000) == 20_447_232)
        #expect(Padme.padded(.max) == nil)
        for length in 2..<5000 {
            let padded = Padme.padded(length) ?? 0
            #expect(padded >= length)
            #expect(Double(padded) <= Double(length) * 1.12)
            #expect(Padme.padded(padded) == padded)
        }
    }

    @Test(arguments: ["chunk", "from-python/chunk"])
    func chunksAgreeWithTheVectors(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: Vectors.self)
        for blob in vectors.blobs {
            let chunks = try SchemaVectors.content(blob.length).withUnsafeBytes {
                try ChunkSealer.seal($0, blobKey: vectors.blobKey.secret, blobID: vectors.blobID)
            }
            #expect(chunks.map(\.id) == blob.chunks.map(\.id))
            for (chunk, expected) in zip(chunks, blob.chunks) {
                #expect(chunk.bytes.count == expected.size)
                #expect(Array(chunk.bytes[..<48]) == expected.start.bytes)
                #expect(Array(chunk.bytes.suffix(16)) == expected.tag.bytes)
            }
        }
    }

    @Test(arguments: ["chunk", "from-python/chunk"])
    func earlierBlobsOpen(_ name: String) throws {
        let vectors = try SchemaVectors.load(name, as: Vectors.self)
        for blob in vectors.earlierBlobs {
            let content = SchemaVectors.content(blob.length)
            let chunks = try Self.earlier(content, vectors)
            #expect(chunks.map(\.id) == blob.chunks.map(\.id))
            #expect(chunks.allSatisfy { $0.bytes.count == 1 << 20 })
            let opened = try ChunkSealer.open(
                chunks, length: blob.length, blobKey: vectors.blobKey.secret, blobID: vectors.blobID)
            #expect(opened == content)
        }
    }

    /// The chunks of a blob as they were sealed when each had 1 MiB.
    private static func earlier(_ content: [UInt8], _ vectors: Vectors) throws -> [SealedChunk] {
        let key = vectors.blobKey.secret
        let payload = (1 << 20) - 40
        let nonceKey = KeyDerivation.subkey(of: key, id: 2, context: "ATchunkn")
        let count = try #require(ChunkSealer.chunkCount(length: content.count))
        return (0..<count).map { index in
            var piece = Array(content.dropFirst(index * payload).prefix(payload))
            piece += [UInt8](repeating: 0, count: payload - piece.count)
            let place = [UInt32(index), UInt32(count)].map { number in
                (0..<4).map { UInt8(number >> (24 - 8 * $0) & 255) }
            }
            let nonce = (place[0] + BLAKE2b.hash(piece).bytes).withUnsafeBytes { text in
                nonceKey.withUnsafeBytes { BLAKE2b.raw(count: 24, text, key: $0, personal: nil) }
            }
            let data = Array("ATCK".utf8) + [1] + vectors.blobID.bytes + place[0] + place[1]
            var sealed = [UInt8](repeating: 0, count: payload + 16)
            key.withPointer {
                _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                    &sealed, nil, piece, UInt64(payload), data, UInt64(data.count), nil, nonce, $0)
            }
            return SealedChunk(sealed: nonce + sealed)
        }
    }

    @Test func theLastChunkSaysNoMoreOfTheLengthThanPadme() throws {
        var generator = SystemRandomNumberGenerator()
        let drawn = (0..<2000).map { _ in Int.random(in: 0...60_000_000, using: &generator) }
        let payload = SealedChunk.payloadCount
        for length in drawn + [0, 1, 4056, 4057, payload - 1, payload, payload + 1, 2 * payload, 2 * payload + 1] {
            let padded = try #require(Padme.padded(length))
            func sizes(_ length: Int) throws -> [Int] {
                let sealer = try ChunkSealer(
                    blobKey: vectors.blobKey.secret, blobID: vectors.blobID, length: length)
                return (0..<sealer.chunkCount).map { sealer.byteCount(of: $0) }
            }
            let found = try sizes(length)
            #expect(found.dropLast().allSatisfy { $0 == 1 << 20 }, "\(length)")
            #expect(found.allSatisfy { SealedChunk.isByteCount($0) }, "\(length)")
            // Every length that Padmé does not tell from this one has the same sizes.
            #expect(try sizes(padded) == found, "\(length)")
            let sum = found.reduce(0, +)
            #expect(sum >= padded + 40 * found.count, "\(length)")
            #expect(sum < padded + 40 * found.count + 4096, "\(length)")
        }
    }

    @Test func onlyTheTwoSizesThatALengthGivesAreTaken() throws {
        let content = SchemaVectors.content(20_000)
        let sealed = try seal(content)[0]
        #expect(sealed.bytes.count == 20_480 + 4096)
        let sealer = try ChunkSealer(
            blobKey: vectors.blobKey.secret, blobID: vectors.blobID, length: content.count)
        func open(_ bytes: [UInt8]) -> String? {
            errorCode { _ = try bytes.withUnsafeBytes { try sealer.open($0, index: 0) } }
        }
        #expect(open(sealed.bytes) == nil)
        #expect(open(try Self.earlier(content, vectors)[0].bytes) == nil)
        for size in [0, 39, 40, 4096, 20_480, 24_575, 24_577, 28_672, (1 << 20) - 4096, (1 << 20) + 4096] {
            let other = Array(sealed.bytes.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - 24_576))
            #expect(open(other) == "E-SEAL-003", "\(size)")
            #expect(SealedChunk.isByteCount(size) == [4096, 20_480, 28_672, (1 << 20) - 4096].contains(size))
        }
    }

    /// The file of vectors, made anew with ATTUNE_WRITE=1.
    @Test func theVectorsAreThoseThatAreMadeNow() throws {
        func blob(_ length: Int, _ chunks: [SealedChunk]) -> Vectors.Blob {
            Vectors.Blob(
                length: length,
                chunks: chunks.map {
                    Vectors.Chunk(
                        size: $0.bytes.count, start: HexBytes(bytes: Array($0.bytes[..<48])),
                        tag: HexBytes(bytes: Array($0.bytes.suffix(16))), id: $0.id)
                })
        }
        var made = vectors
        made.blobs = try [0, 777, 20_000, 1_048_536, 1_048_537, 1_500_000, 5_000_000].map {
            blob($0, try seal(SchemaVectors.content($0)))
        }
        made.earlierBlobs = try [0, 1_500_000].map { blob($0, try Self.earlier(SchemaVectors.content($0), vectors)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(made), as: UTF8.self) + "\n"
        let file = TestBase.tests.deletingLastPathComponent().appending(path: "schemas/vectors/chunk.json")
        if ProcessInfo.processInfo.environment["ATTUNE_WRITE"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
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
            blobKey: vectors.blobKey.secret, blobID: .filled(1), length: length)
        #expect(
            errorCode { _ = try chunks[0].bytes.withUnsafeBytes { try foreign.open($0, index: 0) } } == "E-SEAL-003")
    }

    @Test func everySampledBitFlipIsDetectedByIdAndBySeal() throws {
        let content = SchemaVectors.content(1000)
        let chunk = try seal(content)[0]
        let sealer = try ChunkSealer(
            blobKey: vectors.blobKey.secret, blobID: vectors.blobID, length: content.count)
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
            try ChunkSealer.seal($0, blobKey: SecretBytes(random: 32), blobID: vectors.blobID)
        }
        #expect(try seal(content)[0].id != other[0].id)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import GRDB
import Synchronization
import Testing

@testable import AttuneVault

struct TensorCodecTests {
    /// Numbers as weights have them: of both signs, most of them of a few magnitudes.
    static func weights(_ count: Int, seed: UInt64) -> [Float] {
        var random = SyntheticRandom(seed: seed)
        return (0..<count).map { _ in random.uniform(0.02) + random.uniform(0.02) + random.uniform(0.02) }
    }

    static func bfloat16(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in
            let bits = UInt16(truncatingIfNeeded: (value.bitPattern &+ 0x8000) >> 16)
            return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        }
    }

    static func float32(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) } }
    }

    /// The encoded bytes; nil where they would not be shorter.
    static func encode(_ bytes: [UInt8], runs: [TensorRun]) throws -> [UInt8]? {
        let blob = try EncodedBlob(BlobContent(bytes, runs: runs))
        let stored = try blob.bytes()
        #expect(blob.size == bytes.count)
        #expect(blob.digest == BLAKE2b.hash(bytes))
        #expect(stored.count == blob.encodedSize)
        if blob.codec == .stored { #expect(stored == bytes) }
        return blob.codec == .planes ? stored : nil
    }

    static func decode(_ bytes: [UInt8], _ size: Int) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try TensorCodec.decode($0, size: size) }
    }

    @Test func numbersComeBackBitForBitAndTakeLessRoom() throws {
        let values = Self.weights(100_000, seed: 3)
        let header = TestStore.bytes(777)
        for (kind, numbers) in [
            (TensorRun.Kind.bfloat16, Self.bfloat16(values)), (.float32, Self.float32(values)),
        ] {
            let bytes = header + numbers
            let encoded = try #require(
                try Self.encode(bytes, runs: [TensorRun(.raw, count: 777), TensorRun(kind, count: numbers.count)]))
            #expect(try Self.decode(encoded, bytes.count) == bytes)
            #expect(Double(encoded.count) < (kind == .bfloat16 ? 0.70 : 0.86) * Double(bytes.count))
        }
    }

    @Test func everyBitPatternSurvives() throws {
        let patterns = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        let skewed = patterns + [UInt8](repeating: 0x3C, count: 400_000)
        for kind in [TensorRun.Kind.bfloat16, .float32] {
            let encoded = try #require(try Self.encode(skewed, runs: [TensorRun(kind, count: skewed.count)]))
            #expect(try Self.decode(encoded, skewed.count) == skewed)
        }
    }

    @Test func float32NumbersThatAreBfloat16AtHeartTakeNoMoreThanThose() throws {
        let short = Self.bfloat16(Self.weights(50_000, seed: 9))
        var long: [UInt8] = []
        for index in stride(from: 0, to: short.count, by: 2) { long += [0, 0, short[index], short[index + 1]] }
        let one = try #require(try Self.encode(short, runs: [TensorRun(.bfloat16, count: short.count)]))
        let other = try #require(try Self.encode(long, runs: [TensorRun(.float32, count: long.count)]))
        #expect(other.count < one.count + 16)
        #expect(try Self.decode(other, long.count) == long)
    }

    @Test func whatDoesNotGetShorterIsLeftAsItIs() throws {
        var random = SyntheticRandom(seed: 1)
        let noise = (0..<4096).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        #expect(try Self.encode(noise, runs: [TensorRun(.bfloat16, count: 4096)]) == nil)
        #expect(try Self.encode(noise, runs: []) == nil)
        #expect(try Self.encode(noise, runs: [TensorRun(.raw, count: 4096)]) == nil)
        #expect(try Self.encode([], runs: []) == nil)
        // Runs that do not fit the bytes are no reason to lose any.
        #expect(try Self.encode(noise, runs: [TensorRun(.float32, count: 4095)]) == nil)
        #expect(try Self.encode(noise, runs: [TensorRun(.float32, count: 8192)]) == nil)
        #expect(try Self.encode(noise, runs: [TensorRun(.float32, count: -4), TensorRun(.raw, count: 4100)]) == nil)
        // Beyond the ratio that a reader accepts.
        let zeros = [UInt8](repeating: 0, count: 100_000)
        #expect(try Self.encode(zeros, runs: [TensorRun(.float32, count: zeros.count)]) == nil)
    }

    @Test func changedStreamsGiveErrorsAndNeverOtherLengths() throws {
        let numbers = Self.bfloat16(Self.weights(3000, seed: 5))
        let good = try #require(try Self.encode(numbers, runs: [TensorRun(.bfloat16, count: numbers.count)]))
        for length in stride(from: 0, to: good.count, by: 7) {
            #expect(failure { try Self.decode(Array(good[..<length]), numbers.count) }?.failureCode == "E-VAULT-040")
        }
        #expect(failure { try Self.decode(good + [0], numbers.count) }?.failureCode == "E-VAULT-040")
        for size in [0, 1, numbers.count - 2, numbers.count + 2, numbers.count * 100, Int.max] {
            #expect(failure { try Self.decode(good, size) }?.failureCode == "E-VAULT-040", "\(size)")
        }
        for byte in 0..<good.count {
            var changed = good
            changed[byte] ^= 1 << UInt8(byte % 8)
            if let bytes = try? Self.decode(changed, numbers.count) { #expect(bytes.count == numbers.count) }
        }
    }

    @Test func aStreamThatWouldGrowBeyondItsSizeIsRefused() throws {
        // A plane of 40 bytes, whose stream holds 200,000.
        let bomb = try #require([UInt8](repeating: 0, count: 200_000).withUnsafeBytes { Deflate.huffmanCoded($0) })
        var writer = ByteWriter()
        writer.append(TensorCodec.magic)
        writer.bigEndian(UInt32(1))
        writer.append([TensorRun.Kind.bfloat16.rawValue])
        writer.bigEndian(UInt64(80))
        writer.append([1])
        writer.bigEndian(UInt64(bomb.count))
        writer.append(bomb)
        writer.append([2, 0])
        #expect(failure { try Self.decode(writer.bytes, 80) }?.failureCode == "E-VAULT-040")
        // A count of runs and a length that no file has.
        let lengths: [UInt8] = [0, 0, 0, 1, 1, 127, 255, 255, 255, 255, 255, 255, 255]
        #expect(failure { try Self.decode(TensorCodec.magic + lengths, 80) }?.failureCode == "E-VAULT-040")
        #expect(
            failure { try Self.decode(TensorCodec.magic + [255, 255, 255, 255], 80) }?.failureCode == "E-VAULT-040")
    }

    @Test func contentThatIsMadeInPiecesIsStoredAsIfItWereWhole() throws {
        let store = try TestStore()
        let numbers = Self.float32(Self.weights(700_000, seed: 4))
        let header = TestStore.bytes(321)
        let whole = BlobContent(
            header + numbers, runs: [TensorRun(.raw, count: 321), TensorRun(.float32, count: numbers.count)])
        let pieces = BlobContent { sink in
            try header.withUnsafeBytes { try sink(.raw, $0) }
            try [UInt8]().withUnsafeBytes { try sink(.raw, $0) }
            try numbers.withUnsafeBytes { try sink(.float32, $0) }
        }
        #expect(try EncodedBlob(pieces).bytes() == EncodedBlob(whole).bytes())
        let version = try store.vault.versions.add(
            to: "notes", base: TestStore.base, NewVersion(manifest: "{}", content: pieces))
        #expect(try version.id == VersionTable.id(manifest: "{}", content: whole))
        #expect(try store.vault.versions.bytes(version.id) == header + numbers)
    }

    @Test func contentThatChangesBetweenItsPassesIsNotStored() throws {
        let store = try TestStore()
        let calls = Mutex(0)
        for longer in [true, false] {
            calls.withLock { $0 = 0 }
            let content = BlobContent { sink in
                let call = calls.withLock {
                    $0 += 1
                    return $0
                }
                let bytes = TestStore.bytes(call == 1 ? 3_000_000 : longer ? 3_000_001 : 2_999_999)
                try bytes.withUnsafeBytes { try sink(.raw, $0) }
            }
            #expect(failure { try store.vault.chunks.store(content) }?.failureCode == "E-VAULT-007")
        }
        #expect(TestStore.chunkFiles(store.path).isEmpty)
    }

    @Test func encodedVersionsAreStoredInFewerChunksAndReadBack() throws {
        let store = try TestStore()
        let numbers = Self.bfloat16(Self.weights(1_500_000, seed: 11))
        let runs = [TensorRun(.bfloat16, count: numbers.count)]
        let version = try store.vault.versions.add(
            to: "notes", base: TestStore.base, NewVersion(manifest: "{}", content: BlobContent(numbers, runs: runs)))
        #expect(TestStore.chunkFiles(store.path).count == 2)
        #expect(version.size == 3_000_000)
        #expect(try store.vault.versions.bytes(version.id) == numbers)
        #expect(try store.vault.verify().isWhole)
    }

    @Test func versionsOfTheFirstLayoutStayReadable() throws {
        let store = try TestStore()
        let version = try store.vault.versions.add(to: "notes", base: TestStore.base, TestStore.version())
        // What the columns of an older store hold after the step.
        try store.vault.write { try $0.execute(sql: "UPDATE blobs SET encoded_size = NULL") }
        #expect(try store.vault.versions.bytes(version.id) == TestStore.bytes(3000))
    }

    /// Bytes of all chunks of an adapter beside its bfloat16 safetensors: what passes on the wire, but for one entry and
    /// the heads of requests.
    @Test(arguments: [(5_000_000, 0.75), (20_000_000, 0.70)])
    func anAdapterTakesLittleOnTheWire(size: Int, most: Double) throws {
        // Tensors of 32 × 2048 numbers; each has codes of its own.
        let tensor = Self.bfloat16(Self.weights(1 << 16, seed: 11))
        var wide = [UInt8](repeating: 0, count: 2 * tensor.count)
        for index in stride(from: 0, to: tensor.count, by: 2) {
            wide[2 * index + 2] = tensor[index]
            wide[2 * index + 3] = tensor[index + 1]
        }
        for (kind, numbers) in [(TensorRun.Kind.bfloat16, tensor), (.float32, wide)] {
            let store = try TestStore()
            let count = size / tensor.count
            let content = BlobContent { sink in
                try TestStore.bytes(20_000).withUnsafeBytes { try sink(.raw, $0) }
                for _ in 0..<count { try numbers.withUnsafeBytes { try sink(kind, $0) } }
            }
            try store.vault.versions.add(
                to: "notes", base: TestStore.base, NewVersion(manifest: "{}", content: content))
            let sent = try TestStore.chunkFiles(store.path).reduce(0) {
                try $0 + (FileManager.default.attributesOfItem(atPath: $1)[.size] as? Int ?? 0)
            }
            let ratio = Double(sent) / Double(count * tensor.count + 20_000)
            #expect(ratio <= most, "\(kind)")
        }
    }

    /// Says that more bytes are left than there are, as a record on the way does.
    private struct Announced: EncodedBytes {
        var rest: [UInt8]
        var remaining: Int

        mutating func next(_ count: Int) throws -> [UInt8] {
            guard count <= rest.count else {
                throw ByteReader.Failure.truncated(offset: 0, needed: UInt64(count), available: rest.count)
            }
            defer { rest.removeFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    @Test func memoryThatCannotBeHadForARunIsAnErrorAndNoEnd() async {
        await #expect(processExitsWith: .exitCode(7)) {
            var limit = rlimit(rlim_cur: 4 << 30, rlim_max: rlim_t.max)
            guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(1) }
            let size = 8 << 30
            let header = TensorCodec.header([TensorRun(.float32, count: size)])
            func decode(largestRun: Int) -> String? {
                var source = Announced(rest: header, remaining: size)
                return failure { try TensorCodec.decode(&source, size: size, largestRun: largestRun) { _ in } }?
                    .failureCode
            }
            // A run that no tensor has is refused, one that is too large for this machine only waits.
            guard decode(largestRun: size - 4) == "E-VAULT-040", decode(largestRun: size) == "E-MEMORY-003" else {
                exit(2)
            }
            let folder = try TestStore()
            guard
                failure({ try folder.vault.chunks.load(StoredBlob.unreadable(size: size)) })?.failureCode
                    == "E-MEMORY-003"
            else { exit(3) }
            exit(7)
        }
    }

    @Test func aRawRunPassesInParts() throws {
        let bytes = TestStore.bytes(3_000_000)
        var encoded = TensorCodec.header([TensorRun(.raw, count: bytes.count), TensorRun(.raw, count: 2_000_000)])
        encoded += [0] + bytes + [2, 9]
        var source = Announced(rest: encoded, remaining: encoded.count)
        var parts: [Int] = []
        var passed: [UInt8] = []
        do {
            try TensorCodec.decode(&source, size: 5_000_000) {
                parts.append($0.count)
                passed += $0
            }
        } catch {
            // The source does not count down, so that what is left over is found.
            #expect(error.failureCode == "E-VAULT-040")
        }
        #expect(passed == bytes + [UInt8](repeating: 9, count: 2_000_000))
        #expect(parts.allSatisfy { $0 <= 1 << 20 })
    }
}

extension StoredBlob {
    /// A record of so many bytes, whose chunks are nowhere.
    fileprivate static func unreadable(size: Int) -> StoredBlob {
        StoredBlob(
            id: .filled(1), key: [UInt8](repeating: 2, count: 32), size: size, encodedSize: size,
            codec: .stored, digest: .filled(3), chunks: [])
    }
}

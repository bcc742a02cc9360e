// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Foundation
import Testing

@Suite struct SealedSpoolTests {
    private func record(_ count: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 * seed) }
    }

    private func read(_ spool: SealedSpool, _ index: Int, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try spool.read(index, into: $0) }
        return bytes
    }

    @Test func recordsReadBackInAnyOrder() throws {
        let folder = try TemporaryDirectory()
        let spool = try SealedSpool(folder: folder.path, limit: 1 << 20)
        let records = [record(1000, 3), record(0, 1), record(70_000, 7), record(1, 9)]
        for (index, bytes) in records.enumerated() {
            #expect(try bytes.withUnsafeBytes { try spool.append($0) } == index)
        }
        #expect(spool.size == records.reduce(0) { $0 + SealedSpool.size(ofRecord: $1.count) })
        for index in [2, 0, 3, 1, 2] { #expect(try read(spool, index, records[index].count) == records[index]) }
    }

    @Test func theFileHasNoName() throws {
        let folder = try TemporaryDirectory()
        let spool = try SealedSpool(folder: folder.path, limit: 1 << 20)
        _ = try record(5000, 3).withUnsafeBytes { try spool.append($0) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        withExtendedLifetime(spool) {}
    }

    @Test func whatLiesOnTheDiskIsSealedAndGuarded() throws {
        let folder = try TemporaryDirectory()
        let spool = try SealedSpool(folder: folder.path, limit: 1 << 20)
        let secret = Array("the harbour master's secret".utf8)
        for _ in 0..<2 { _ = try secret.withUnsafeBytes { try spool.append($0) } }
        // The process's own descriptors are the only way to the file.
        let descriptor = try #require(
            (0..<1024).map { Int32($0) }.last { number in
                let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
                return link?.hasPrefix(folder.path + "/spool-") == true
            })
        var bytes = [UInt8](repeating: 0, count: spool.size)
        #expect(pread(descriptor, &bytes, bytes.count, 0) == bytes.count)
        #expect(Data(bytes).range(of: Data(secret)) == nil)
        #expect(bytes.prefix(bytes.count / 2) != bytes.suffix(bytes.count / 2))
        bytes[3] ^= 1
        #expect(pwrite(descriptor, &bytes, bytes.count, 0) == bytes.count)
        let error = #expect(throws: CryptoError.self) { try read(spool, 0, secret.count) }
        #expect(error?.code == "E-SEAL-020")
        #expect(try read(spool, 1, secret.count) == secret)
        #expect(ftruncate(descriptor, 50) == 0)
        #expect(throws: CryptoError.self) { try read(spool, 1, secret.count) }
    }

    @Test func theLimitHoldsAndLeavesWhatIsThere() throws {
        let folder = try TemporaryDirectory()
        let spool = try SealedSpool(folder: folder.path, limit: 3000)
        let bytes = record(2000, 5)
        _ = try bytes.withUnsafeBytes { try spool.append($0) }
        #expect(throws: CryptoError.self) { _ = try bytes.withUnsafeBytes { try spool.append($0) } }
        _ = try record(900, 5).withUnsafeBytes { try spool.append($0) }
        #expect(try read(spool, 0, 2000) == bytes)
        #expect(try read(spool, 1, 900) == record(900, 5))
    }

    @Test func afterARecordWrittenByHalvesNothingIsAppended() async {
        // In a process of its own, whose files may only have so many bytes.
        await #expect(processExitsWith: .exitCode(7)) {
            let folder = try TemporaryDirectory()
            let spool = try SealedSpool(folder: folder.path, limit: 1 << 20)
            let bytes = [UInt8](repeating: 5, count: 6000)
            func append() -> String? {
                do {
                    _ = try bytes.withUnsafeBytes { try spool.append($0) }
                    return nil
                } catch {
                    return "\(error)"
                }
            }
            guard append() == nil else { exit(1) }
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 8192, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            guard append()?.contains("E-SEAL-020") == true else { exit(2) }
            limit.rlim_cur = rlim_t.max
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            // There is room again, but the nonce of that record has been used.
            guard append()?.contains("could not be written") == true, spool.size == 6016 else { exit(3) }
            var read = [UInt8](repeating: 0, count: 6000)
            try read.withUnsafeMutableBytes { try spool.read(0, into: $0) }
            exit(read == bytes ? 7 : 4)
        }
    }

    @Test func aFolderThatIsNotThereIsSaidToBe() throws {
        let error = #expect(throws: CryptoError.self) { try SealedSpool(folder: "/nowhere/at/all", limit: 1) }
        #expect(error?.code == "E-SEAL-020")
        #expect(error?.message.contains("No such file") == true)
    }
}

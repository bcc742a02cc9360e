// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AsyncHTTPClient
import AttuneCore
import AttuneCrypto
import AttuneSync
import AttuneTestSupport
import AttuneVault
import Foundation

/// `attune-bench sync`: adapters through a real relay on loopback, beside an rsync daemon with the same files.
struct SyncBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Push and pull adapters through a relay, beside rsync.")

    @Option(help: "Adapters to send.") var adapters = 100
    @Option(help: "Bytes of each, bfloat16 numbers.") var bytes = 5_000_000
    @Option(help: "Versions of the circle whose sync has nothing to do; 0 to leave that out.") var versions = 10_000
    @Option(help: "The relay's program; the one beside this one by default.") var relay: String?
    @Flag(help: "Print JSON (it always does).") var json = false

    func validate() throws {
        guard (1...10_000).contains(adapters), (2...100_000_000).contains(bytes), (0...100_000).contains(versions)
        else { throw ValidationError("1 to 10000 adapters of up to 100 MB, and up to 100000 versions") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "attune-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/files", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let relay = try RelayProcess(folder: folder + "/relay", program: relay)
        defer { _ = try? relay.stop() }
        let (one, two) = try BenchDevice.pair(in: folder)
        try store(in: one, files: folder + "/files")
        let client = HTTPTransport.makeClient()
        var report = Report(adapters: adapters, bytes: adapters * evenBytes)
        do {
            try await transfer(one, two, relay, client, &report)
            if versions > 0 { try await rest(one, relay, client, &report) }
            try await client.shutdown()
        } catch {
            try? await client.shutdown()
            throw error
        }
        try compare(folder, &report)
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private var evenBytes: Int { bytes / 2 * 2 }

    /// Puts the adapters into the device's store, and beside it into plain files.
    private func store(in device: BenchDevice, files: String) throws {
        guard let base = BaseID([UInt8](repeating: 1, count: 32)) else { return }
        var generator = SystemRandomNumberGenerator()
        // Numbers as weights have them: a bell curve of width 0.02, rounded to bfloat16.
        var weights: [UInt8] = []
        weights.reserveCapacity(evenBytes)
        for _ in 0..<evenBytes / 2 {
            var sum: Float = -6
            for _ in 0..<3 {
                let word = generator.next()
                sum += Float(word & 0xffff) / 65536 + Float(word >> 16 & 0xffff) / 65536
                sum += Float(word >> 32 & 0xffff) / 65536 + Float(word >> 48) / 65536
            }
            let bits = (sum * 0.02).bitPattern
            weights.append(UInt8(truncatingIfNeeded: bits >> 16))
            weights.append(UInt8(truncatingIfNeeded: bits >> 24))
        }
        for index in 0..<adapters {
            let cut = (index * 9973 * 2) % evenBytes
            let bytes = Array(weights[cut...] + weights[..<cut])
            try Data(bytes).write(to: URL(filePath: "\(files)/\(index).safetensors"))
            _ = try device.vault.versions.add(
                to: "adapter-\(index)", base: base,
                NewVersion(
                    manifest: "{}", content: BlobContent(bytes, runs: [TensorRun(.bfloat16, count: bytes.count)])))
        }
    }

    private func transfer(
        _ one: BenchDevice, _ two: BenchDevice, _ relay: RelayProcess, _ client: HTTPClient, _ report: inout Report
    ) async throws {
        guard let address = RemoteAddress(relay.address), let genesis = try one.store.links(after: 0, limit: 1).first
        else { throw BenchFailure("no circle") }
        let keys = try one.keys.current().circle.keys
        try await HTTPTransport(
            client: client, address: address, circle: one.store.circle, device: one.store.device,
            sign: { keys.sign($0) }
        ).createCircle(links: [genesis], invite: nil)
        ProcessUsage().resetPeak()
        let push = try await one.sync(relay.address, client)
        report.pushSeconds = push.seconds
        report.pushPeakBytes = ProcessUsage().peakBytes
        report.bytesSent = push.traffic.sent
        report.wireRatio = Double(push.traffic.sent) / Double(report.bytes)
        guard push.outcome.entriesSent == adapters else { throw BenchFailure("\(push.outcome)") }
        ProcessUsage().resetPeak()
        let pull = try await two.sync(relay.address, client)
        report.pullSeconds = pull.seconds
        report.pullPeakBytes = ProcessUsage().peakBytes
        guard pull.outcome.chunksTaken == push.outcome.chunksSent else { throw BenchFailure("\(pull.outcome)") }
        report.relayPeakBytes = ProcessUsage(relay.process.id).peakBytes
    }

    private func rest(
        _ one: BenchDevice, _ relay: RelayProcess, _ client: HTTPClient, _ report: inout Report
    ) async throws {
        try one.addVersions(max(0, versions - adapters))
        _ = try await one.sync(relay.address, client, applies: false)
        var times: [Double] = []
        for _ in 0..<7 { times.append(try await one.sync(relay.address, client, applies: false).seconds) }
        report.versions = versions
        report.idleSeconds = times.sorted()[3]
    }

    private func compare(_ folder: String, _ report: inout Report) throws {
        guard let rsync = try BenchRsync(module: folder + "/module", folder: folder) else { return }
        defer { rsync.stop() }
        let push = try rsync.push(folder + "/files")
        try FileManager.default.createDirectory(atPath: folder + "/pulled", withIntermediateDirectories: true)
        let pull = try rsync.pull(folder + "/pulled")
        report.rsyncPushSeconds = push
        report.rsyncPullSeconds = pull
        report.pushRatio = report.pushSeconds / push
        report.pullRatio = report.pullSeconds / pull
    }

    private struct Report: Encodable {
        let adapters: Int
        /// Of all adapters before they are encoded.
        let bytes: Int
        var bytesSent = 0
        var wireRatio = 0.0
        var pushSeconds = 0.0
        var pullSeconds = 0.0
        var rsyncPushSeconds: Double?
        var rsyncPullSeconds: Double?
        var pushRatio: Double?
        var pullRatio: Double?
        var pushPeakBytes = 0
        var pullPeakBytes = 0
        var relayPeakBytes = 0
        var versions = 0
        /// Of a sync of `versions` versions that has nothing to do.
        var idleSeconds: Double?
    }
}

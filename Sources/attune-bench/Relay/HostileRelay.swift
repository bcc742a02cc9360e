// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Synchronization

/// `attune-bench relay --hostile`: each attack on a real relay of its own, under a limit of memory, while an honest
/// circle pushes from this process and the attacker has one of its own.
struct HostileRelay {
    let seconds: Double
    let scale: Double
    let program: String?
    /// Attacks whose names contain this; all if nil.
    let only: String?

    /// What one attack came to.
    struct Report: Encodable {
        let attack: String
        let relayAlive: Bool
        /// `cgroup`, or `watched` where the system lets nobody set one: then only the peak is told.
        let memoryLimit: String
        let peakBytes: Int
        let pushes: Int
        let pushesFailed: Int
        let p50Seconds: Double
        let p99Seconds: Double
        let worstSeconds: Double
        let relayProcessorSeconds: Double
        /// What the attacker reached.
        let attacker: [String: Int]
    }

    func run() async throws -> [Report] {
        var reports: [Report] = []
        for attack in [RelayAttack.none] + RelayAttack.all where only.map({ attack.name.contains($0) }) ?? true {
            let report = try await run(attack)
            FileHandle.standardError.write(Data("\(line(report))\n".utf8))
            reports.append(report)
        }
        return reports
    }

    private func run(_ attack: RelayAttack) async throws -> Report {
        let limit = MemoryLimit(bytes: 256 << 20)
        let launcher = try limit.launcher(of: program ?? RelayProcess.binary)
        // The usual limits, but for what would keep the attackers from beginning at all.
        let relay = try RelayProcess(
            limits: true, options: ["--circles-per-hour", "1000000", "--circle-bytes", "1000000000"], program: launcher)
        let usage = ProcessUsage(relay.process.id)
        let pusher = try await RelayPusher(relay)
        let isOver = Atomic(false)
        let processor = usage.processorSeconds
        async let times = pusher.run(perSecond: 8) { isOver.load(ordering: .relaxed) }
        let counts: [String: Int]
        do {
            counts =
                attack.name == RelayAttack.none.name
                ? try await attack.run(relay.address, scale, seconds)
                : try await HostileAttacker.attack(relay, attack, scale: scale, seconds: seconds)
        } catch {
            counts = ["failed": 1]
            FileHandle.standardError.write(Data("\(attack.name): \(error)\n".utf8))
        }
        isOver.store(true, ordering: .relaxed)
        let sorted = try await times
        let isAlive = relay.process.poll() == nil
        let report = Report(
            attack: attack.name, relayAlive: isAlive, memoryLimit: limit.kind, peakBytes: usage.peakBytes,
            pushes: sorted.count, pushesFailed: pusher.problems.count, p50Seconds: RelayBenchmark.quantile(sorted, 0.5),
            p99Seconds: RelayBenchmark.quantile(sorted, 0.99), worstSeconds: sorted.last ?? 0,
            relayProcessorSeconds: usage.processorSeconds - processor, attacker: counts)
        if let problem = pusher.problems.first {
            FileHandle.standardError.write(Data("\(attack.name): a push failed: \(problem)\n".utf8))
        }
        if isAlive { _ = try relay.stop() }
        limit.remove()
        return report
    }

    private func line(_ report: Report) -> String {
        func milliseconds(_ seconds: Double) -> String { String(format: "%.0f", seconds * 1000) }
        let counts = report.attacker.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return "\(report.attack): \(report.relayAlive ? "alive" : "DEAD"), peak \(report.peakBytes >> 20) MiB, "
            + "push p50 \(milliseconds(report.p50Seconds)) ms, p99 \(milliseconds(report.p99Seconds)) ms, worst "
            + "\(milliseconds(report.worstSeconds)) ms, \(report.pushesFailed) of \(report.pushes) failed; \(counts)"
    }
}

/// A limit of the memory of a process by a control group, where this user may make one.
private final class MemoryLimit {
    private let bytes: Int
    private let name = "attune-bench-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...UInt32.max))"
    private var group: String?
    private var script: String?

    init(bytes: Int) { self.bytes = bytes }

    var kind: String { group == nil ? "watched" : "cgroup" }

    /// A program that starts `program` within the limit, or `program` itself.
    func launcher(of program: String) throws -> String {
        for (root, setting, isOld) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", true), ("/sys/fs/cgroup", "memory.max", false),
        ] {
            let folder = "\(root)/\(name)"
            // A folder of another file system has no such setting.
            guard
                FileManager.default.fileExists(
                    atPath: root + (isOld ? "/memory.usage_in_bytes" : "/cgroup.controllers")),
                mkdir(folder, 0o755) == 0
            else { continue }
            guard (try? String(bytes).write(toFile: "\(folder)/\(setting)", atomically: false, encoding: .utf8)) != nil
            else {
                rmdir(folder)
                continue
            }
            group = folder
            break
        }
        guard let group else { return program }
        let path = FileManager.default.temporaryDirectory.path + "/\(name)"
        try Data("#!/bin/sh\necho $$ > \(group)/cgroup.procs\nexec '\(program)' \"$@\"\n".utf8).write(
            to: URL(filePath: path))
        chmod(path, 0o700)
        script = path
        return path
    }

    func remove() {
        if let script { unlink(script) }
        guard let group else { return }
        for _ in 0..<50 where rmdir(group) != 0 { usleep(100_000) }
    }
}

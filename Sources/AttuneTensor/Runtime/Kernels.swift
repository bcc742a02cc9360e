// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels
import COpenBLAS
import Foundation

/// Which kernels run, and on how many threads.
package enum Kernels {
    /// Implementations from the slowest to the fastest; `ATTUNE_KERNELS` names the one to use.
    package enum Level: Int32, Sendable, CaseIterable, Comparable {
        case portable, openblas, avx2, avx512, avx512bf16, neon

        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// The level in use, such as `avx512bf16`.
    package static var level: String {
        _ = prepared
        return "\(Level(rawValue: attune_level()) ?? .portable)"
    }

    /// Whether the level in use has products of its own for bfloat16.
    package static var computesBFloat16: Bool {
        _ = prepared
        return attune_level() == Level.avx512bf16.rawValue
    }

    /// The best level of this CPU.
    package static var bestLevel: Level {
        _ = prepared
        return Level(rawValue: attune_best_level()) ?? .portable
    }

    /// Threads that work on one operation; `nil` takes min(CPUs allowed, quota of the control group, physical cores).
    package static func configure(threads: Int?) {
        attune_pool_configure(Int32(clamping: max(0, threads ?? 0)))
    }

    /// Threads that can run at the same time: CPUs allowed, or the quota of the control group where that is less.
    ///
    /// More than these wait for each other at every operation, and are many times slower.
    package static var mostThreads: Int { Int(attune_most_threads()) }

    package static var threads: Int { Int(attune_pool_threads()) }

    /// Runs `body` with another level on this thread, to compare implementations.
    package static func at<Result>(_ level: Level, _ body: () throws -> Result) rethrows -> Result {
        _ = prepared
        attune_force_level(level.rawValue)
        defer { attune_force_level(-1) }
        return try body()
    }

    /// What `attune doctor` shows: CPU features, level, threads, and the core that OpenBLAS runs for.
    package static var report: [String: String] {
        let features = [
            "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avx512bf16",
            "dotprod",
        ]
        return [
            "cpu": features.filter { attune_cpu_supports($0) != 0 }.joined(separator: " "),
            "level": level,
            "threads": "\(threads), at most \(mostThreads) on this machine",
            "openblas": prepared,
        ]
    }

    /// Done once, before the first product: gives the kernels OpenBLAS; the value is the report on it.
    static let prepared: String = {
        func core() -> String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }
        let environment = ProcessInfo.processInfo.environment
        let found = core()
        var report = found
        let needed: [String] = ["avx512f", "avx512bw", "avx512dq", "avx512vl"]
        let wide = needed.allSatisfy { attune_cpu_supports($0) != 0 }
        if environment["ATTUNE_OPENBLAS"] != "keep",
            let better = betterCore(than: found, inherited: environment["OPENBLAS_CORETYPE"], hasAVX512: wide),
            attune_openblas_choose_core(better) != 0
        {
            report = "\(core()) instead of \(found), which OPENBLAS_CORETYPE asked for; ATTUNE_OPENBLAS=keep keeps it"
        }
        openblas_set_num_threads(1)
        attune_set_sgemm(attune_openblas_sgemm)
        return report
    }()

    /// The core that OpenBLAS should run for when an inherited variable holds it to one from before AVX-512, which
    /// halves its speed; nil if its own choice stands.
    package static func betterCore(than core: String, inherited: String?, hasAVX512: Bool) -> String? {
        let before = ["Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott", "Core2", "Excavator", "Steamroller"]
        guard hasAVX512, inherited?.isEmpty == false else { return nil }
        return before.contains { core.caseInsensitiveCompare($0) == .orderedSame } ? "SkylakeX" : nil
    }
}

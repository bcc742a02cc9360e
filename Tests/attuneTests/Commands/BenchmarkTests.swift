// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@Suite struct BenchmarkTests {
    private let store: TinyStore

    init() throws { store = try TinyStore() }

    /// `attune-bench` on the tiny base; the object in its last line.
    private func bench(_ arguments: String..., environment: [String: String] = [:]) throws -> [String: Any] {
        let result = try run(arguments, environment: environment)
        #expect(result.status == 0, "\(arguments): \(result.errors)")
        return try result.json()
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> AttuneProcess.Result {
        var attune = store.attune
        attune.environment.merge(environment) { $1 }
        return try attune.runBench(arguments + ["--base", store.outside.path + "/tiny.gguf", "--json"])
    }

    private func number(_ report: [String: Any], _ name: String) -> Double {
        (report[name] as? NSNumber)?.doubleValue ?? .nan
    }

    @Test(arguments: [
        ["train", "--batch", "2", "--max-len", "32", "--rank", "2", "--steps", "2"], ["prefill", "--tokens", "32"],
        ["decode", "--tokens", "8"], ["decode", "--tokens", "8", "--rounds", "2", "--adapter-rank", "4"],
    ])
    func speedIsTheLastLine(_ arguments: [String]) throws {
        let result = try run(arguments)
        #expect(result.status == 0, "\(result.errors)")
        let report = try result.json()
        #expect(number(report, "tokens_per_second") > 0)
        #expect(number(report, "peak_rss_mib") > 1)
        #expect(report["work"] as? String == arguments[0])
        #expect((report["rounds"] as? [Double])?.isEmpty == false)
        #expect(number(report, "threads") >= 1)
    }

    @Test func trainingCountsTheOperationsOfItsLinearLayers() throws {
        let report = try bench("train", "--batch", "1", "--max-len", "64", "--rank", "2", "--steps", "3")
        // Two layers of q, o 32·32, k, v 32·16 and gate, up, down 32·48; the head 384·32 on 63 of 64 tokens.
        let weights = 2 * (2 * 1024 + 2 * 512 + 3 * 1536)
        #expect(number(report, "flops_per_token") == Double(4 * weights))
        #expect(number(report, "head_flops_per_token") == Double(4 * 384 * 32 * 63 / 64))
        #expect(number(report, "peak_gflops") > 0)
        #expect(number(report, "share_of_peak") > number(report, "share_of_peak_linears"))
        let training = try #require(report["training"] as? [String: Any])
        #expect(number(training, "planned_mib") > 1)
        #expect(number(training, "recomputed_layers") == 0)
    }

    @Test func adaptersSideBySideCountAllTheirTokens() throws {
        let report = try bench(
            "train", "--batch", "1", "--max-len", "32", "--rank", "2", "--steps", "2", "--also", "2")
        #expect(number(try #require(report["training"] as? [String: Any]), "adapters") == 3)
        #expect((report["rounds"] as? [Double])?.count == 2)
    }

    @Test func aCurveHoldsWhatAnotherTrainerNeedsToRepeatIt() throws {
        let rows = try store.writeRows(20)
        let folder = store.outside.path + "/start"
        let report = try bench(
            "curve", "--batch", "2", "--max-len", "16", "--rank", "2", "--steps", "7", "--precision", "float32",
            "--adapter", folder, rows)
        let steps = try #require(report["steps"] as? [[String: Any]])
        #expect(steps.count == 7)
        for step in steps {
            let rows = try #require(step["rows"] as? [[String: Any]])
            #expect(rows.map { ($0["tokens"] as? [Int])?.count } == [16, 16])
            #expect(rows.map { ($0["trained"] as? [Bool])?.count } == [16, 16])
            #expect(number(step, "loss") > 0)
            #expect(number(step, "rate") >= 0)
        }
        #expect(FileManager.default.fileExists(atPath: folder + "/adapter_model.safetensors"))
        #expect(try run(["curve", "--adapter", folder, rows, "--max-len", "16"]).status != 0, "the folder is taken")
    }

    @Test func adaptersMemoryAndKernelsReport() throws {
        #expect(number(try bench("adapters", "--rank", "4", "--rounds", "3"), "switch_milliseconds") > 0)
        #expect(
            number(try bench("memory", "--batch", "1", "--max-len", "32", "--rank", "2"), "measured_to_planned") > 0)
        let kernels = try #require(
            try bench("kernels", "--tokens", "16", "--rounds", "1")["kernels"] as? [[String: Any]])
        #expect(
            Set(kernels.compactMap { $0["name"] as? String }).isSuperset(of: ["X·Wᵀ", "dY·W", "attention", "RMSNorm"]))
        #expect(kernels.allSatisfy { number($0, "microseconds") > 0 })
    }

    @Test(arguments: ["portable", "openblas", "avx2", "avx512"])
    func everyLevelBelowTheBestRunsEverything(_ level: String) throws {
        let forced = ["ATTUNE_KERNELS": level]
        for arguments in [
            ["train", "--batch", "1", "--max-len", "16", "--rank", "2", "--steps", "1"],
            ["prefill", "--tokens", "16", "--rounds", "1"], ["decode", "--tokens", "4", "--rounds", "1"],
        ] {
            let result = try run(arguments, environment: forced)
            #expect(result.status == 0, "\(level): \(result.errors)")
            let used = try #require(try result.json()["level"] as? String)
            let best = "\(Kernels.bestLevel)"
            #expect(used == level || used == best, "\(level) was asked for, \(used) ran, \(best) is the best")
        }
    }

    @Test func oneCoreRunsOneThread() throws {
        let result = try store.attune.shell(
            #"taskset -c "$(taskset -pc $$ | sed 's/.*: //;s/[-,].*//')" "$ATTUNE" bench --quick --base tiny --json"#)
        #expect(result.status == 0, "\(result.errors)")
        #expect(number(try result.json(), "threads") == 1)
    }

    @Test func moreThreadsThanCanRunAreNotStarted() throws {
        let report = try bench("prefill", "--tokens", "8", "--rounds", "1", "--threads", "250")
        #expect(number(report, "threads") == Double(Kernels.mostThreads))
        let result = try store.expect(["bench", "--quick", "--threads", "250", "--json"], exits: 0)
        #expect(number(try result.json(), "threads") == Double(Kernels.mostThreads))
        if Kernels.mostThreads < 250 { #expect(result.errors.contains("250 threads asked for")) }
        #expect(try store.attune.run("bench", "--threads", "0").status == 64)
    }

    @Test func anInheritedCoreOfOpenBLASIsNoObstacle() throws {
        let report = try bench(
            "train", "--batch", "1", "--max-len", "16", "--rank", "2", "--steps", "1",
            environment: ["OPENBLAS_CORETYPE": "Prescott", "ATTUNE_KERNELS": "openblas"])
        #expect(number(report, "tokens_per_second") > 0)
    }

    @Test func thePersonsFigureIsInPlainWords() throws {
        let text = try store.expect(["bench", "--quick"], exits: 0).output
        for word in ["base", "computing", "memory", "training", "reading", "answering", "tokens a second"] {
            #expect(text.contains(word), "\(word) in \(text)")
        }
        let report = try store.expect(["bench", "--quick", "--base", "tiny", "--json", "--quiet"], exits: 0).json()
        for figure in ["training", "prefill", "decode", "peak_gflops", "read_gigabytes_per_second"] {
            #expect(number(report, figure) > 0, "\(figure)")
        }
    }

    @Test(arguments: [
        ["train", "--steps", "0"], ["prefill", "--tokens", "0"], ["decode", "--adapter-rank", "-1"],
        ["train", "--memory-limit", "much"], ["train", "--rank", "0"], ["kernels", "--tokens", "0"],
        ["prefill", "--threads", "0"], ["train", "--max-len", "9223372036854775807"], ["train", "--also", "64"],
        ["decode", "--tokens", "9223372036854775807"], ["decode", "--kv-cache", "q8_0"],
    ])
    func whatCannotBeMeasuredIsRefused(_ arguments: [String]) throws {
        let result = try run(arguments)
        #expect(result.isOrderly, "\(arguments): \(result.output)")
        #expect(result.status != 0, "\(arguments): \(result.output)")
    }
}

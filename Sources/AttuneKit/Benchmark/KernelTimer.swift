// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Times kernels one after another, each between two measurements of what the CPU can do.
struct KernelTimer {
    private let rounds: Int
    private let memory = ReadingRate()
    private var peaks: [Ceiling.Numbers: [Double]] = [:]
    private var reads: [Double] = []
    private(set) var kernels: [KernelReport.Kernel] = []

    init(rounds: Int) { self.rounds = rounds }

    /// A kernel that computes `operations` in `numbers`.
    mutating func compute(
        _ name: String, _ shape: String, operations: Int, in numbers: Ceiling.Numbers, _ work: () -> Void
    ) {
        var peaks: [Double] = []
        let (seconds, share) = time(work) { seconds in
            let peak = Ceiling.operationsPerSecond(numbers, seconds: 0.005)
            peaks.append(peak)
            return peak > 0 ? Double(operations) / seconds / peak : 0
        }
        self.peaks[numbers, default: []] += peaks
        kernels.append(
            KernelReport.Kernel(
                name: name, shape: shape, microseconds: seconds * 1e6, gflops: Double(operations) / seconds / 1e9,
                numbers: "\(numbers)", share: share))
    }

    /// A kernel that reads and writes `bytes`.
    mutating func move(_ name: String, _ shape: String, bytes: Int, _ work: () -> Void) {
        var reads: [Double] = []
        let (seconds, share) = time(work) { seconds in
            let read = memory.bytesPerSecond()
            reads.append(read)
            return Double(bytes) / seconds / read
        }
        self.reads += reads
        kernels.append(
            KernelReport.Kernel(
                name: name, shape: shape, microseconds: seconds * 1e6,
                gigabytesPerSecond: Double(bytes) / seconds / 1e9, share: share))
    }

    func report(tokens: Int) -> KernelReport {
        KernelReport(
            level: Kernels.level, threads: Kernels.threads, tokens: tokens,
            peakGflops: Dictionary(uniqueKeysWithValues: peaks.map { ("\($0)", $1.median / 1e9) }),
            readGigabytesPerSecond: reads.median / 1e9, kernels: kernels)
    }

    /// Median seconds of one call, and the median of what `judge` makes of each round's.
    private func time(_ work: () -> Void, judge: (Double) -> Double) -> (seconds: Double, share: Double) {
        work()
        // A round is long enough for the clock to be exact.
        let calls = max(1, Int(0.01 / max(1e-7, Benchmark.seconds(work))))
        var seconds: [Double] = []
        var shares: [Double] = []
        for _ in 0..<rounds {
            seconds.append(Benchmark.seconds { for _ in 0..<calls { work() } } / Double(calls))
            shares.append(judge(seconds[seconds.count - 1]))
        }
        return (seconds.median, shares.median)
    }
}

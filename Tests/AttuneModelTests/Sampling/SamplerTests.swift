// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import Foundation
import Testing

@Suite struct SamplerTests {
    /// Everything off, temperature 1: the plain distribution.
    private static func options(_ change: (inout SamplingOptions) -> Void = { _ in }) -> SamplingOptions {
        var options = SamplingOptions()
        options.temperature = 1
        options.topK = 0
        options.topP = 1
        options.minP = 0
        change(&options)
        return options
    }

    /// Which tokens come up in many draws, with their shares.
    private static func shares(
        _ logits: [Float], _ options: SamplingOptions, history: [Int32] = [], breakers: Set<Int32> = [],
        draws: Int = 4000
    ) throws -> [Int32: Double] {
        var sampler = Sampler(options, seed: 1, breakers: breakers)
        let row = Matrix(rows: 1, columns: logits.count, logits)
        var counts: [Int32: Int] = [:]
        for _ in 0..<draws { counts[try sampler.sample(row, history: history), default: 0] += 1 }
        return counts.mapValues { Double($0) / Double(draws) }
    }

    private static func logits(_ probabilities: [Float]) -> [Float] { probabilities.map { log($0) } }

    /// 0.5, 0.25, 0.15, 0.1
    private static let four = logits([0.5, 0.25, 0.15, 0.1])

    @Test func theDefaultsAreThoseOfLlamaCpp() {
        let options = SamplingOptions()
        #expect(options.temperature == 0.8)
        #expect(options.topK == 40)
        #expect(options.topP == 0.95)
        #expect(options.minP == 0.05)
        #expect(options.typicalP == 1)
        #expect(options.repeatPenalty == 1)
        #expect(options.repeatLastN == 64)
        #expect(options.mirostat == 0)
        #expect(options.mirostatTau == 5)
        #expect(options.mirostatEta == 0.1)
    }

    @Test func withoutCutsSharesFollowTheSoftmax() throws {
        let shares = try Self.shares(Self.four, Self.options(), draws: 20000)
        for (id, expected) in [0.5, 0.25, 0.15, 0.1].enumerated() {
            #expect(abs((shares[Int32(id)] ?? 0) - expected) < 0.015)
        }
    }

    @Test func temperatureSharpensTheShares() throws {
        let shares = try Self.shares(Self.four, Self.options { $0.temperature = 0.5 }, draws: 20000)
        // Squared and normalised: 0.25, 0.0625, 0.0225, 0.01 over 0.345.
        #expect(abs((shares[0] ?? 0) - 0.7246) < 0.015)
        #expect(abs((shares[3] ?? 0) - 0.0290) < 0.01)
    }

    @Test func noTemperatureTakesTheLikeliest() throws {
        #expect(try Self.shares([1, 5, 3, 5], .greedy) == [1: 1])
    }

    @Test(arguments: [1, 2, 3, 4, 9]) func topKKeepsTheLikeliest(_ limit: Int) throws {
        let shares = try Self.shares([0.1, 0.3, 0.2, 0.4], Self.options { $0.topK = limit })
        #expect(Set(shares.keys) == Set([3, 1, 2, 0].prefix(limit)))
    }

    @Test(arguments: [(0.4, 1), (0.5, 1), (0.51, 2), (0.76, 3), (0.95, 4)])
    func topPIncludesTheCrossingToken(_ share: Float, _ kept: Int) throws {
        // A power of two of exact weight: 0.5 is crossed by the first token alone.
        let logits: [Float] = [0, -log(2), -log(4), -log(4)]
        let shares = try Self.shares(logits.reversed(), Self.options { $0.topP = share })
        let expected: Set<Int32> = share < 0.6 ? Set([3, 2].prefix(kept)) : Set([3, 2, 0, 1].prefix(kept))
        #expect(Set(shares.keys) == expected)
    }

    @Test func minPComparesWithTheLikeliest() throws {
        // 0.25 and 0.15 are above 0.28 · 0.5, 0.1 is below.
        #expect(Set(try Self.shares(Self.four, Self.options { $0.minP = 0.28 }).keys) == [0, 1, 2])
    }

    @Test func topNSigmaKeepsWhatIsNearTheLargest() throws {
        // Mean 0.1, σ = 0.3 · √… of one 1 among nine 0s: σ = 0.3, so one σ keeps only the 1.
        let logits: [Float] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try Self.shares(logits, Self.options { $0.topNSigma = 1 }) == [0: 1])
        #expect(try Self.shares(logits, Self.options { $0.topNSigma = 4 }).count == 10)
    }

    @Test func typicalPrefersTheEntropyToTheTop() throws {
        // Entropy of (0.5, 0.25, 0.15, 0.1) is 1.2080 nats; surprises 0.693, 1.386, 1.897, 2.303:
        // distances 0.515, 0.178, 0.689, 1.095, so 1 comes first and 0 second.
        #expect(Set(try Self.shares(Self.four, Self.options { $0.typicalP = 0.2 }).keys) == [1])
        #expect(Set(try Self.shares(Self.four, Self.options { $0.typicalP = 0.3 }).keys) == [0, 1])
    }

    @Test func xtcDropsTheTopChoicesButTheLast() throws {
        let always = Self.options {
            $0.xtcProbability = 1
            $0.xtcThreshold = 0.15
        }
        #expect(Set(try Self.shares(Self.logits([0.5, 0.25, 0.16, 0.09]), always).keys) == [2, 3])
        #expect(Set(try Self.shares(Self.logits([0.9, 0.05, 0.05]), always).keys) == [0, 1, 2])
    }

    @Test func cutsActBeforeTheTemperature() throws {
        // At temperature 100 all four would pass a min-p of 0.28.
        let options = Self.options {
            $0.minP = 0.28
            $0.temperature = 100
        }
        #expect(Set(try Self.shares(Self.four, options).keys) == [0, 1, 2])
    }

    @Test func repeatPenaltyWorksOnBothSigns() throws {
        let options = Self.options {
            $0.temperature = 0
            $0.repeatPenalty = 2
        }
        #expect(try Self.shares([3, 2], options, history: [0]) == [1: 1])  // 3/2 < 2
        #expect(try Self.shares([-1, -1.5], options, history: [0]) == [1: 1])  // −2 < −1.5
        #expect(try Self.shares([4.5, 2], options, history: [0, 0, 0]) == [0: 1])  // once for each token: 2.25
    }

    @Test func frequencyCountsAndPresenceDoesNot() throws {
        let frequency = Self.options {
            $0.temperature = 0
            $0.frequencyPenalty = 0.5
        }
        #expect(try Self.shares([1, 0], frequency, history: [0]) == [0: 1])
        #expect(try Self.shares([1, 0], frequency, history: [0, 0, 0]) == [1: 1])
        let presence = Self.options {
            $0.temperature = 0
            $0.presencePenalty = 0.5
        }
        #expect(try Self.shares([1, 0], presence, history: [0, 0, 0]) == [0: 1])
    }

    @Test func penaltiesForgetWhatIsOutsideTheWindow() throws {
        let options = Self.options {
            $0.temperature = 0
            $0.presencePenalty = 5
            $0.repeatLastN = 2
        }
        #expect(try Self.shares([1, 0, 0], options, history: [0, 2, 2]) == [0: 1])
        #expect(try Self.shares([1, 0, 0.5], options, history: [2, 0, 7, -1]) == [0: 1])  // ids that do not exist
    }

    @Test func dryStopsARunFromRepeating() throws {
        let options = Self.options {
            $0.temperature = 0
            $0.dryMultiplier = 1
        }
        let logits: [Float] = [0, 0.1, 0.2, 2, 0]
        // “1 2 3 … 1 2” would go on with 3; a run of 2 costs 1 · 1.75^0 = 1, one of 3 costs 1.75, one of 4 costs 3.06.
        #expect(try Self.shares(logits, options, history: [1, 2, 3, 0, 1, 2]) == [3: 1])
        #expect(try Self.shares(logits, options, history: [4, 0, 1, 2, 3, 4, 0, 1, 2]) == [2: 1])
        #expect(try Self.shares(logits, options, history: [4, 0, 1, 2, 3, 4, 0, 1, 2], breakers: [0]) == [3: 1])
        #expect(try Self.shares(logits, options, history: [0, 1, 2, 3]) == [3: 1])
    }

    @Test func mirostatKeepsOnlySmallSurprises() throws {
        var options = Self.options {
            $0.mirostat = 2
            $0.mirostatTau = 0.5  // μ starts at 1 bit: only the token of probability 1/2 passes
            $0.mirostatEta = 0
        }
        #expect(try Self.shares(Self.logits([0.5001, 0.2499, 0.15, 0.1]), options) == [0: 1])
        options.mirostatTau = 1.1  // 2.2 bits
        #expect(Set(try Self.shares(Self.four, options).keys) == [0, 1])
    }

    @Test func mirostatSteersTheMeanSurprise() throws {
        var options = Self.options {
            $0.mirostat = 2
            $0.mirostatTau = 3
        }
        options.mirostatEta = 0.1
        let logits = (0..<512).map { -1.1 * log(Float($0 + 1)) }  // Zipf
        var sampler = Sampler(options, seed: 5)
        let row = Matrix(rows: 1, columns: logits.count, logits)
        let all = logits.reduce(0.0) { $0 + exp(Double($1)) }
        var surprise = 0.0
        for step in 0..<3000 {
            let token = try sampler.sample(row, history: [])
            if step >= 1000 { surprise += (log2(all) - Double(logits[Int(token)]) / log(2)) / 2000 }
        }
        // Surprise under the uncut distribution is a little above the one that mirostat steers.
        #expect(surprise > 2.7)
        #expect(surprise < 4.5)
    }

    @Test func theSameSeedDrawsTheSameTokens() throws {
        let logits = (0..<1000).map { sin(Float($0)) * 3 }
        let row = Matrix(rows: 1, columns: 1000, logits)
        func tokens(seed: UInt64) throws -> [Int32] {
            var sampler = Sampler(SamplingOptions(), seed: seed)
            return try (0..<50).map { _ in try sampler.sample(row, history: []) }
        }
        #expect(try tokens(seed: 3) == tokens(seed: 3))
        #expect(try tokens(seed: 3) != tokens(seed: 4))
    }

    @Test func equalLogitsAreOrderedById() throws {
        let equal = [Float](repeating: 1, count: 100)
        #expect(Set(try Self.shares(equal, Self.options { $0.topK = 3 }).keys) == [0, 1, 2])
        #expect(Set(try Self.shares(equal, Self.options { $0.topP = 0.025 }).keys) == [0, 1, 2])
    }

    @Test(arguments: [[Float.nan, 1], [1, .infinity], [-.infinity, -.infinity], []])
    func logitsThatAreNotNumbersAreAnError(_ logits: [Float]) throws {
        for options in [SamplingOptions(), .greedy, Self.options { $0.mirostat = 2 }] {
            var sampler = Sampler(options, seed: 1)
            let row = Matrix(rows: 1, columns: logits.count, logits)
            let error = #expect(throws: ModelError.self) { try sampler.sample(row, history: []) }
            #expect(error?.code == "E-SAMPLE-001")
        }
    }

    @Test func ruledOutTokensAreNeverDrawn() throws {
        #expect(Set(try Self.shares([-.infinity, 0, -.infinity, 0], Self.options()).keys) == [1, 3])
    }

    @Test func strangeOptionsNeverTrap() throws {
        let strange: [(inout SamplingOptions) -> Void] = [
            { $0.temperature = .nan }, { $0.temperature = .leastNormalMagnitude }, { $0.topK = .max },
            { $0.topK = .min },
            { $0.topP = 0 }, { $0.topP = .nan }, { $0.minP = 2 }, { $0.typicalP = 0 }, { $0.repeatPenalty = 0 },
            { $0.repeatLastN = .min }, { $0.dryMultiplier = .infinity }, { $0.xtcProbability = 5 },
            { $0.topNSigma = 1e-30 }, { $0.mirostatTau = .nan },
        ]
        for change in strange {
            for mirostat in [0, 2] {
                var options = Self.options(change)
                options.mirostat = mirostat
                let ids = try Self.shares(Self.four, options, history: [0, 1, 2, 0, 1], draws: 5).keys
                #expect(ids.allSatisfy { (0..<4).contains($0) })
            }
        }
        #expect(throws: ModelError.self) { try Self.options { $0.topP = 2 }.validate() }
        #expect(throws: ModelError.self) { try Self.options { $0.temperature = .nan }.validate() }
        try SamplingOptions().validate()
    }

    @Test func optionsThatAreAbsentTakeTheirDefaults() throws {
        let decoded = try JSONDecoder().decode(SamplingOptions.self, from: Data(#"{"temperature": 0.2}"#.utf8))
        var expected = SamplingOptions()
        expected.temperature = 0.2
        #expect(decoded == expected)
        #expect(try JSONDecoder().decode(SamplingOptions.self, from: JSONEncoder().encode(expected)) == expected)
    }
}

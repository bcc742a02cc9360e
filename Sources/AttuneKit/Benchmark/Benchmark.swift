// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// Measures what this machine does with one base.
///
/// Every figure is the median of its rounds; one round before them warms caches up and does not count. The ceiling of the
/// CPU is measured between the rounds, so that both see the same outside load.
package struct Benchmark: Sendable {
    package let model: BaseModel
    /// Rounds that count.
    package let rounds: Int
    /// How keys and values are kept while decoding.
    package let cacheType: CacheType

    /// - Precondition: `rounds` is positive.
    package init(model: BaseModel, rounds: Int = 5, cacheType: CacheType = .f16) {
        precondition(rounds > 0)
        self.cacheType = cacheType
        self.model = model
        self.rounds = rounds
    }

    /// N, the numbers in the linear layers that a token is multiplied with.
    var linearWeights: Int {
        weights.reduce(0) { $0 + $1.rows * $1.columns }
    }

    /// Bytes of weights that are read for a token that is decoded.
    var weightBytes: Int { weights.reduce(model.head.bytes.count) { $0 + $1.bytes.count } }

    private var weights: [WeightMatrix] {
        (0..<model.shape.layers).flatMap { layer in TargetModule.allCases.map { model.weight($0, layer: layer) } }
    }

    /// V·D.
    var headWeights: Int { model.head.rows * model.head.columns }

    /// The numbers that are multiplied at a precision at the level in use.
    static func numbers(_ precision: Precision) -> Ceiling.Numbers {
        precision == .bfloat16 && Ceiling.operationsPerSecond(.bfloat16, seconds: 0) > 0 ? .bfloat16 : .float32
    }

    /// The numbers that most of decoding multiplies.
    static func numbers(_ precision: DecodingPrecision) -> Ceiling.Numbers {
        switch precision {
        case .float32: .float32
        case .bfloat16: numbers(Precision.bfloat16)
        case .int8: Ceiling.operationsPerSecond(.int8, seconds: 0) > 0 ? .int8 : .float32
        }
    }

    /// Seconds that `work` takes.
    static func seconds(_ work: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try work()
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}

extension [Double] {
    /// The middle value, of an even count the mean of the two middle ones; 0 if there is none.
    package var median: Double {
        guard !isEmpty else { return 0 }
        let ordered = sorted()
        return (ordered[(count - 1) / 2] + ordered[count / 2]) / 2
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// A stretch of a blob's bytes and what numbers lie in it, which decides how it is encoded.
package struct TensorRun: Hashable, Sendable {
    /// Kinds of numbers, as the encoded form names them.
    package enum Kind: UInt8, Sendable {
        /// Anything; stored as it is.
        case raw = 0
        /// bfloat16, lowest byte first.
        case bfloat16 = 1
        /// IEEE single precision, lowest byte first.
        case float32 = 2

        /// Bytes of one number.
        var width: Int {
            switch self {
            case .raw: 1
            case .bfloat16: 2
            case .float32: 4
            }
        }
    }

    package let kind: Kind
    /// Count of bytes.
    package let count: Int

    package init(_ kind: Kind, count: Int) {
        self.kind = kind
        self.count = count
    }

    /// The same stretches, raw neighbours joined and empty ones left out; nil unless they cover `total` bytes with whole
    /// numbers. Tensors stay apart: each has exponents, and so codes, of its own.
    static func joined(_ runs: [TensorRun], total: Int) -> [TensorRun]? {
        var result: [TensorRun] = []
        var rest = total
        for run in runs where run.count != 0 {
            guard run.count > 0, run.count <= rest, run.count % run.kind.width == 0 else { return nil }
            rest -= run.count
            if let last = result.last, last.kind == .raw, run.kind == .raw {
                result[result.count - 1] = TensorRun(run.kind, count: last.count + run.count)
            } else {
                result.append(run)
            }
        }
        return rest == 0 ? result : nil
    }
}

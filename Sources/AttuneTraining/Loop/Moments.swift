// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor

/// Both moments of the optimiser, as `Optimizer` wants them; all zero at birth.
package enum Moments: Sendable {
    case full(m: LoRAParameters<Float>, v: LoRAParameters<Float>)
    case quantized(QuantizedMoments)

    init(layout: LoRALayout, optimizer: Optimizer) {
        switch optimizer {
        case .adamw: self = .full(m: LoRAParameters(layout: layout), v: LoRAParameters(layout: layout))
        case .adamw8bit: self = .quantized(QuantizedMoments(tensors: layout.tensors))
        }
    }

    /// Bytes of both for a layout.
    static func bytes(layout: LoRALayout, optimizer: Optimizer) -> Int {
        switch optimizer {
        case .adamw: 8 * layout.count
        case .adamw8bit: QuantizedMoments.Layout(tensors: layout.tensors).bytes
        }
    }

    /// Takes over the numbers of moments of the same kind and layout.
    func copy(from other: Moments) {
        switch (self, other) {
        case (.full(let m, let v), .full(let otherM, let otherV)):
            m.values.copy(from: otherM.values)
            v.values.copy(from: otherV.values)
        case (.quantized(let own), .quantized(let others)):
            own.m.copy(from: others.m)
            own.v.copy(from: others.v)
        default: preconditionFailure("moments of another optimiser")
        }
    }

    /// The memory of m and then of v, in the order of a checkpoint.
    var buffers: [UnsafeMutableRawBufferPointer] {
        switch self {
        case .full(let m, let v): [m, v].map { UnsafeMutableRawBufferPointer($0.values.buffer) }
        case .quantized(let moments):
            [moments.m, moments.v].flatMap { moment in
                [
                    UnsafeMutableRawBufferPointer(moment.floats.buffer),
                    UnsafeMutableRawBufferPointer(moment.scales.buffer),
                    UnsafeMutableRawBufferPointer(moment.codes.buffer),
                ]
            }
        }
    }

    /// Whether every number can be one of a run; they may come from a damaged file.
    var isFinite: Bool {
        switch self {
        case .full(let m, let v): [m, v].allSatisfy { AttuneTensor.isFinite($0.values) }
        case .quantized(let moments):
            [moments.m, moments.v].allSatisfy {
                AttuneTensor.isFinite($0.floats) && AttuneTensor.isFinite($0.scales)
            }
        }
    }
}

extension LoRALayout {
    /// Elements of A and B of every site, in the order of the parameters.
    fileprivate var tensors: [Int] { entries.flatMap { [$0.rank * $0.inputs, $0.outputs * $0.rank] } }
}

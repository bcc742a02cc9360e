// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// The memory of a pass, allocated as its plan says.
struct PassMemory<Element: Scalar> {
    private let exact: Storage<Element>
    private let rounded: Storage<BFloat16>

    init(_ plan: BufferPlan) {
        exact = Storage(count: plan.exactCount)
        rounded = Storage(count: plan.roundedCount)
    }

    /// The bytes that `init` allocates.
    static func bytes(_ plan: BufferPlan) -> Int {
        plan.exactCount * MemoryLayout<Element>.stride + plan.roundedCount * MemoryLayout<BFloat16>.stride
    }

    /// The matrix at a place for the pass's own numbers.
    func matrix(_ slot: BufferPlan.Slot) -> Matrix<Element> { operand(slot).matrix }

    /// What lies at a place.
    func operand(_ slot: BufferPlan.Slot) -> Operand<Element> {
        if slot.isRounded {
            .rounded(Matrix(storage: rounded, offset: slot.offset, rows: slot.rows, columns: slot.columns))
        } else {
            .exact(Matrix(storage: exact, offset: slot.offset, rows: slot.rows, columns: slot.columns))
        }
    }
}

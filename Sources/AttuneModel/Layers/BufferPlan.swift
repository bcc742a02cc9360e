// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Where the matrices of a pass lie in its memory, decided before any of it is allocated.
///
/// There are two runs of memory: one of the pass's own numbers, and one of bfloat16 for rounded operands.
struct BufferPlan {
    /// A place for `rows` × `columns` of the pass's own numbers.
    struct Slot: Sendable {
        let offset: Int
        let rows: Int
        let columns: Int
    }

    /// A place for an operand of `rows` × `columns`.
    struct OperandSlot: Sendable {
        let offset: Int
        let rows: Int
        let columns: Int
    }

    /// A point to go back to.
    struct Mark {
        fileprivate var exact = 0
        fileprivate var rounded = 0
    }

    /// Whether operands are kept in bfloat16, and not among the pass's own numbers.
    let rounding: Bool
    /// The first numbers that are free.
    private(set) var mark = Mark()
    private var highest = Mark()

    init(rounding: Bool) { self.rounding = rounding }

    /// Numbers of each run that all places together need.
    var exactCount: Int { max(mark.exact, highest.exact) }
    var roundedCount: Int { max(mark.rounded, highest.rounded) }

    /// Takes the next free place for the pass's own numbers, aligned to sixteen (64 bytes of float32).
    mutating func place(_ rows: Int, _ columns: Int) -> Slot {
        defer { mark.exact += (rows * columns + 15) / 16 * 16 }
        return Slot(offset: mark.exact, rows: rows, columns: columns)
    }

    /// Takes the next free place for an operand, aligned to 64 bytes.
    mutating func placeOperand(_ rows: Int, _ columns: Int) -> OperandSlot {
        guard rounding else {
            return OperandSlot(offset: place(rows, columns).offset, rows: rows, columns: columns)
        }
        defer { mark.rounded += (rows * columns + 31) / 32 * 32 }
        return OperandSlot(offset: mark.rounded, rows: rows, columns: columns)
    }

    /// Goes back to an earlier mark: what is placed from here on shares memory with what was placed since.
    mutating func rewind(to earlier: Mark) {
        highest = Mark(exact: exactCount, rounded: roundedCount)
        mark = earlier
    }

    /// Ends sharing: the next place lies beyond everything placed so far.
    mutating func close() { mark = Mark(exact: exactCount, rounded: roundedCount) }
}

/// The memory of a pass, allocated as its plan says.
struct PassMemory<Number: OperandNumber> {
    private let exact: Storage<Number.Exact>
    private let operands: Storage<Number>

    /// - Precondition: the plan was made for operands of this kind.
    init(_ plan: BufferPlan) {
        precondition(plan.rounding == Number.isRounded, "a plan for other operands")
        exact = Storage(count: plan.exactCount)
        operands = Number.storage(beside: exact, count: plan.roundedCount)
    }

    /// The bytes that `init` allocates.
    static func bytes(_ plan: BufferPlan) -> Int {
        plan.exactCount * MemoryLayout<Number.Exact>.stride + plan.roundedCount * MemoryLayout<Number>.stride
    }

    /// The matrix at a place for the pass's own numbers.
    func matrix(_ slot: BufferPlan.Slot) -> Matrix<Number.Exact> {
        Matrix(storage: exact, offset: slot.offset, rows: slot.rows, columns: slot.columns)
    }

    /// The operand at a place.
    func operand(_ slot: BufferPlan.OperandSlot) -> Matrix<Number> {
        Matrix(storage: operands, offset: slot.offset, rows: slot.rows, columns: slot.columns)
    }
}

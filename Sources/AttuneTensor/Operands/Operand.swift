// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// The numbers of operands, the activations that products take: those of the pass, or the same rounded to bfloat16.
///
/// Rounded operands halve the memory of what a pass keeps; sums are float32 in both. A matrix of such numbers is an
/// operand, and which kernels it goes to is known from its type.
package protocol OperandNumber: BitwiseCopyable, Sendable {
    /// The numbers of the pass, in which sums are made.
    associatedtype Exact: PassNumber

    /// Whether operands are smaller than the numbers of the pass.
    static var isRounded: Bool { get }
    /// The memory of operands beside that of exact numbers; exact operands lie among these.
    static func storage(beside exact: Storage<Exact>, count: Int) -> Storage<Self>

    static func set(_ y: Matrix<Self>, to x: Matrix<Exact>)
    static func add(_ x: Matrix<Exact>, to y: Matrix<Self>)
    static func widen(_ x: Matrix<Self>, into y: Matrix<Exact>)

    static func rmsNorm(
        _ x: Matrix<Exact>, weight: Matrix<Exact>, epsilon: Exact, into y: Matrix<Self>, inverseRoot r: Matrix<Exact>,
        keeping kept: Matrix<Self>?)
    static func rmsNorm(
        again x: Matrix<Self>, weight: Matrix<Exact>, epsilon: Exact, inverseRoot r: Matrix<Exact>,
        into y: Matrix<Self>)
    static func rmsNormBackward(
        _ dy: Matrix<Exact>, kept x: Matrix<Self>, weight: Matrix<Exact>, inverseRoot r: Matrix<Exact>,
        accumulatingInto dx: Matrix<Exact>)
    static func swiGLU(gate: Matrix<Self>, up: Matrix<Self>, into h: Matrix<Self>)
    static func swiGLUBackward(dh: Matrix<Self>, gate: Matrix<Self>, up: Matrix<Self>, into h: Matrix<Self>?)
    static func rotate(
        _ x: Matrix<Exact>, headDimension: Int, positions: [Int32], table: RotaryTable<Exact>, inverse: Bool,
        into y: Matrix<Self>)
    static func attention(
        q: Matrix<Exact>, k: Matrix<Exact>, v: Matrix<Self>, headDimension: Int, segments: [Range<Int>], scale: Exact,
        into o: Matrix<Self>, logSumExp l: Matrix<Exact>)
    static func attentionBackward(
        dO: Matrix<Self>, q: Matrix<Exact>, k: Matrix<Exact>, v: Matrix<Self>, o: Matrix<Self>,
        logSumExp l: Matrix<Exact>, headDimension: Int, segments: [Range<Int>], scale: Exact, into dq: Matrix<Exact>,
        dk: Matrix<Exact>, dv: Matrix<Exact>)

    static func expand(
        _ u: Matrix<Self>, _ factor: Matrix<Exact>, into y: Matrix<Exact>, scale: Exact)
    static func addOuter(
        _ u: Matrix<Self>, _ x: Matrix<Self>, rank: Int, into g: Matrix<Exact>, scale: Exact, transposed: Bool)

    static func add(
        _ weight: WeightMatrix, bias: Matrix<Exact>?, into output: ProductOutput<Self>, to list: inout ProductList<Self>
    )
    static func add(factor: Matrix<Exact>, into inner: Matrix<Self>, to list: inout ProductList<Self>)
    static func addTerm(
        _ rows: Range<Int>, inner: Matrix<Self>, factor: Matrix<Exact>, scale: Exact, to list: inout ProductList<Self>)
    static func run(_ list: ProductList<Self>, hidden: Matrix<Self>?)
}

/// The numbers of a pass, which are operands as they are.
package protocol PassNumber: Scalar, OperandNumber where Exact == Self {
    /// What operands are rounded to: the same where nothing smaller computes with these numbers.
    associatedtype Rounded: OperandNumber where Rounded.Exact == Self
}

extension Float: PassNumber {
    package typealias Exact = Float
    package typealias Rounded = BFloat16
}

extension Double: PassNumber {
    package typealias Exact = Double
    package typealias Rounded = Double
}

extension Matrix where Element: OperandNumber {
    /// Takes over the numbers of `other`, rounded where this operand is.
    package func set(_ other: Matrix<Element.Exact>) {
        precondition(other.rows == rows && other.columns == columns, "shapes of a copy")
        Element.set(self, to: other)
    }

    /// Adds `other`.
    package func add(_ other: Matrix<Element.Exact>) {
        precondition(other.rows == rows && other.columns == columns, "sum of different shapes")
        Element.add(other, to: self)
    }

    /// Gives the numbers to `other`.
    package func widen(into other: Matrix<Element.Exact>) {
        precondition(other.rows == rows && other.columns == columns, "shapes of a copy")
        Element.widen(self, into: other)
    }
}

extension PassNumber {
    package static var isRounded: Bool { false }
    package static func storage(beside exact: Storage<Self>, count: Int) -> Storage<Self> { exact }
    package static func set(_ y: Matrix<Self>, to x: Matrix<Self>) { y.copy(from: x) }
    package static func add(_ x: Matrix<Self>, to y: Matrix<Self>) { AttuneTensor.add(x, to: y) }
    package static func widen(_ x: Matrix<Self>, into y: Matrix<Self>) { y.copy(from: x) }
}

extension BFloat16: OperandNumber {
    package typealias Exact = Float

    package static var isRounded: Bool { true }
    package static func storage(beside exact: Storage<Float>, count: Int) -> Storage<BFloat16> { Storage(count: count) }

    package static func set(_ y: Matrix<BFloat16>, to x: Matrix<Float>) {
        attune_round(x.pointer, y.bits, Int64(y.count))
    }

    package static func add(_ x: Matrix<Float>, to y: Matrix<BFloat16>) {
        attune_rounded_add(x.pointer, y.bits, Int64(y.count))
    }

    package static func widen(_ x: Matrix<BFloat16>, into y: Matrix<Float>) {
        attune_widen(x.bits, y.pointer, Int64(x.count))
    }
}

extension Matrix<BFloat16> {
    /// What the C functions take; BFloat16 is one UInt16 in memory.
    var bits: UnsafeMutablePointer<UInt16> { UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self) }
}

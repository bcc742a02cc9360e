// Attune
// SPDX-License-Identifier: Apache-2.0

/// The numbers that the kernels work on: `Float` in the product, `Double` where finite differences check a formula.
package protocol Scalar: BinaryFloatingPoint, BitwiseCopyable, Sendable {}

extension Float: Scalar {}
extension Double: Scalar {}

extension Scalar {
    /// What the C functions tell the types apart by.
    static var kind: Int32 { Int32(MemoryLayout<Self>.size) }
}

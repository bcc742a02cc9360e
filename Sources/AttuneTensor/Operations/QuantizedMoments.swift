// Attune
// SPDX-License-Identifier: Apache-2.0

import CAttuneKernels

/// Both moments of AdamW in 8 bits, as bitsandbytes keeps them (arXiv:2110.02861): blocks of 256 elements with one
/// float32 scale each, m by the signed dynamic map and v by the unsigned one. Tensors below 4096 elements stay float32.
package struct QuantizedMoments: Sendable {
    /// How many numbers of each kind the tensors of a model need.
    package struct Layout: Hashable, Sendable {
        /// Parameters, P.
        package let count: Int
        /// Elements with a code of 8 bits, and the blocks they make.
        package let codes: Int
        package let scales: Int
        /// Elements that stay float32.
        package let floats: Int

        /// - Parameter tensors: elements of each tensor, in the order of the parameters.
        package init(tensors: [Int]) {
            let large = tensors.filter { $0 >= QuantizedMoments.smallest }
            count = tensors.reduce(0, +)
            codes = large.reduce(0, +)
            scales = large.reduce(0) { $0 + ($1 + QuantizedMoments.block - 1) / QuantizedMoments.block }
            floats = count - codes
        }

        /// Bytes of both moments.
        package var bytes: Int { 2 * (codes + 4 * scales + 4 * floats) }
    }

    /// One of the two moments; all zero at birth.
    package struct Moment: Sendable {
        /// 1 × codes.
        package let codes: Matrix<UInt8>
        /// 1 × scales: the largest magnitude of each block.
        package let scales: Matrix<Float>
        /// 1 × floats.
        package let floats: Matrix<Float>

        init(_ layout: Layout) {
            codes = Matrix(rows: 1, columns: layout.codes)
            scales = Matrix(rows: 1, columns: layout.scales)
            floats = Matrix(rows: 1, columns: layout.floats)
        }

        var pointers: attune_moment {
            attune_moment(codes: codes.pointer, scales: scales.pointer, floats: floats.pointer)
        }

        /// Takes over the numbers of a moment of the same layout.
        package func copy(from other: Moment) {
            codes.copy(from: other.codes)
            scales.copy(from: other.scales)
            floats.copy(from: other.floats)
        }
    }

    /// Elements that share a scale.
    static let block = Int(ATTUNE_MOMENT_BLOCK)
    /// Elements from which a tensor has codes.
    static let smallest = 4096
    /// Blocks that make a piece of work.
    private static let pieceBlocks = 64

    package let layout: Layout
    package let m: Moment
    package let v: Moment
    /// 1 × pieces: runs of parameters within one tensor.
    let pieces: Matrix<attune_moment_piece>

    /// - Parameter tensors: elements of each tensor, in the order of the parameters.
    package init(tensors: [Int]) {
        layout = Layout(tensors: tensors)
        m = Moment(layout)
        v = Moment(layout)
        var pieces: [attune_moment_piece] = []
        var (first, code, block, float) = (0, 0, 0, 0)
        for tensor in tensors {
            let isSmall = tensor < Self.smallest
            for start in stride(from: 0, to: tensor, by: Self.pieceBlocks * Self.block) {
                pieces.append(
                    attune_moment_piece(
                        first: Int64(first + start),
                        count: Int64(min(Self.pieceBlocks * Self.block, tensor - start)),
                        state: Int64(start + (isSmall ? float : code)),
                        block: isSmall ? -1 : Int64(block + start / Self.block)))
            }
            first += tensor
            if isSmall {
                float += tensor
            } else {
                code += tensor
                block += (tensor + Self.block - 1) / Self.block
            }
        }
        self.pieces = Matrix(rows: 1, columns: pieces.count, pieces)
    }

    /// The 256 ascending values of a code: of m where `signed`, else of v.
    package static func map(signed: Bool) -> [Float] {
        [Float](unsafeUninitializedCapacity: 256) { values, count in
            attune_dynamic_map_values(signed ? 1 : 0, values.baseAddress)
            count = 256
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// The lossless encoding of a blob's bytes: exponents of floating-point numbers lie together and are Huffman-coded.
///
/// Layout (integers highest byte first): `ATTC` ‖ 01, count of runs u32 (at most 65,536), for each run its kind u8 and its
/// length in bytes u64, then the planes of each run in order. A plane is a mode u8 and the bytes of that mode:
/// 0 stored: as many bytes as the run has numbers; 1 coded: length u64 and a raw DEFLATE stream (RFC 1951) made with
/// Huffman codes alone; 2 constant: the one byte that all are. Planes of a raw run: itself, stored. Of a bfloat16 run: the
/// exponent bytes, then sign ‖ mantissa (8 bits). Of a float32 run: the exponent bytes, then the bytes of
/// sign ‖ mantissa (24 bits), highest first.
package enum TensorCodec {
    static let magic: [UInt8] = Array("ATTC".utf8) + [1]
    static let runLimit = 1 << 16
    /// A blob is at most so many times as large as its encoded form.
    static let ratioLimit = 64

    /// How a plane is kept.
    enum Mode: UInt8 {
        case stored = 0
        case coded = 1
        case constant = 2
    }

    /// What an encoded blob begins with.
    static func header(_ runs: [TensorRun]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(magic)
        writer.bigEndian(UInt32(clamping: runs.count))
        for run in runs {
            writer.append([run.kind.rawValue])
            writer.bigEndian(UInt64(run.count))
        }
        return writer.bytes
    }

    /// Hands over the planes of one run, in pieces.
    static func planes(
        of kind: TensorRun.Kind, _ run: UnsafeRawBufferPointer, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        guard kind != .raw else { return try emit(.stored, run, to: sink) }
        for plane in 0..<kind.width {
            try TensorPlanes.plane(plane, of: run, width: kind.width).withUnsafeBytes { bytes in
                if let first = bytes.first, isConstant(bytes, first) {
                    try [Mode.constant.rawValue, first].withUnsafeBytes(sink)
                } else if plane == 0, let coded = Deflate.huffmanCoded(bytes) {
                    try coded.withUnsafeBytes { try emit(.coded, $0, to: sink) }
                } else {
                    try emit(.stored, bytes, to: sink)
                }
            }
        }
    }

    private static func emit(
        _ mode: Mode, _ bytes: UnsafeRawBufferPointer, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        var writer = ByteWriter()
        writer.append([mode.rawValue])
        if mode == .coded { writer.bigEndian(UInt64(bytes.count)) }
        try writer.bytes.withUnsafeBytes(sink)
        try sink(bytes)
    }

    /// The bytes that were encoded, exactly `size` of them; nothing more than that is ever allocated for them.
    ///
    /// - Throws: `VaultError` E-VAULT-040 for anything that `encode` does not make.
    package static func decode(_ encoded: UnsafeRawBufferPointer, size: Int) throws -> [UInt8] {
        do {
            var reader = ByteReader(encoded)
            guard try reader.array(magic.count) == magic else { throw VaultError.badEncoding("other first bytes") }
            guard size >= 0, size / ratioLimit <= encoded.count else {
                throw VaultError.badEncoding("too small a stream")
            }
            let runs = try runs(&reader, size: size)
            var failure: (any Error)?
            let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                do {
                    var offset = 0
                    for run in runs {
                        let target = UnsafeMutableRawBufferPointer(
                            UnsafeMutableBufferPointer(rebasing: buffer[offset..<offset + run.count]))
                        try fill(target, kind: run.kind, from: &reader)
                        offset += run.count
                    }
                    count = offset
                } catch let error {
                    failure = error
                }
            }
            if let failure { throw failure }
            guard reader.remaining == 0, bytes.count == size else {
                throw VaultError.badEncoding("bytes after the end")
            }
            return bytes
        } catch is ByteReader.Failure {
            throw VaultError.badEncoding("it ends too early")
        }
    }

    private static func runs(_ reader: inout ByteReader, size: Int) throws -> [TensorRun] {
        let count: UInt32 = try reader.bigEndian()
        guard count <= UInt32(runLimit) else { throw VaultError.badEncoding("\(count) runs") }
        var runs: [TensorRun] = []
        for _ in 0..<count {
            guard let kind = TensorRun.Kind(rawValue: try reader.array(1)[0]) else {
                throw VaultError.badEncoding("an unknown kind of numbers")
            }
            let length: UInt64 = try reader.bigEndian()
            guard length > 0, length <= UInt64(size) else { throw VaultError.badEncoding("a run of \(length) bytes") }
            runs.append(TensorRun(kind, count: Int(length)))
        }
        guard TensorRun.joined(runs, total: size) != nil else {
            throw VaultError.badEncoding("its runs do not have the size of the whole")
        }
        return runs
    }

    private static func isConstant(_ bytes: UnsafeRawBufferPointer, _ value: UInt8) -> Bool {
        for byte in bytes where byte != value { return false }
        return true
    }

    private static func fill(
        _ target: UnsafeMutableRawBufferPointer, kind: TensorRun.Kind, from reader: inout ByteReader
    ) throws {
        let width = kind.width
        let count = target.count / width
        for plane in 0..<width {
            guard let mode = Mode(rawValue: try reader.array(1)[0]) else {
                throw VaultError.badEncoding("an unknown mode")
            }
            switch mode {
            case .stored:
                TensorPlanes.place(try reader.run(UInt64(count)), plane: plane, width: width, in: target)
            case .constant:
                let byte = try reader.array(1)[0]
                let plain = [UInt8](repeating: byte, count: count)
                plain.withUnsafeBytes { TensorPlanes.place($0, plane: plane, width: width, in: target) }
            case .coded:
                let length: UInt64 = try reader.bigEndian()
                let plain = try Deflate.decoded(try reader.run(length), count: count)
                plain.withUnsafeBytes { TensorPlanes.place($0, plane: plane, width: width, in: target) }
            }
        }
    }
}

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
    /// - Throws: `VaultError` E-VAULT-040 for anything that `encode` does not make, E-MEMORY-003.
    package static func decode(_ encoded: UnsafeRawBufferPointer, size: Int) throws -> [UInt8] {
        var source = ByteReader(encoded)
        var bytes: [UInt8] = []
        try decode(&source, size: size) {
            if bytes.isEmpty {
                try Room.require(size)
                bytes.reserveCapacity(size)
            }
            bytes += $0
        }
        return bytes
    }

    /// Hands over the bytes that were encoded in order, exactly `size` of them, with one run of numbers or a part of a raw
    /// run in memory at a time.
    ///
    /// - Parameter largestRun: most bytes of a run of numbers.
    /// - Throws: `VaultError` E-VAULT-040 for anything that `encode` does not make, E-MEMORY-003.
    static func decode(
        _ source: inout some EncodedBytes, size: Int, largestRun: Int = .max,
        _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        do {
            guard size >= 0, size / ratioLimit <= source.remaining else {
                throw VaultError.badEncoding("too small a stream")
            }
            guard try source.next(magic.count) == magic else { throw VaultError.badEncoding("other first bytes") }
            for run in try runs(&source, size: size) {
                if run.kind == .raw {
                    try pass(raw: run.count, from: &source, sink)
                    continue
                }
                guard run.count <= largestRun else { throw VaultError.badEncoding("a run of \(run.count) bytes") }
                // The numbers, a plane of them, and the stream it is made of.
                try Room.require(3 * run.count)
                var numbers = [UInt8](repeating: 0, count: run.count)
                try numbers.withUnsafeMutableBytes { try fill($0, kind: run.kind, from: &source) }
                try numbers.withUnsafeBytes(sink)
            }
            guard source.remaining == 0 else { throw VaultError.badEncoding("bytes after the end") }
        } catch is ByteReader.Failure {
            throw VaultError.badEncoding("it ends too early")
        }
    }

    private static func runs(_ source: inout some EncodedBytes, size: Int) throws -> [TensorRun] {
        let count = try number(4, &source)
        guard count <= UInt64(runLimit) else { throw VaultError.badEncoding("\(count) runs") }
        var runs: [TensorRun] = []
        for _ in 0..<count {
            guard let kind = TensorRun.Kind(rawValue: try source.next(1)[0]) else {
                throw VaultError.badEncoding("an unknown kind of numbers")
            }
            let length = try number(8, &source)
            guard length > 0, length <= UInt64(size) else { throw VaultError.badEncoding("a run of \(length) bytes") }
            runs.append(TensorRun(kind, count: Int(length)))
        }
        guard TensorRun.joined(runs, total: size) != nil else {
            throw VaultError.badEncoding("its runs do not have the size of the whole")
        }
        return runs
    }

    /// Hands over a raw run, part by part unless it is coded as a whole.
    private static func pass(
        raw count: Int, from source: inout some EncodedBytes, _ sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let part = 1 << 20
        let mode = try mode(&source)
        if mode == .coded {
            try Room.require(2 * count)
            return try coded(count, from: &source).withUnsafeBytes(sink)
        }
        let constant = mode == .constant ? try source.next(1)[0] : nil
        for start in stride(from: 0, to: count, by: part) {
            let size = min(part, count - start)
            let bytes = try constant.map { [UInt8](repeating: $0, count: size) } ?? source.next(size)
            try bytes.withUnsafeBytes(sink)
        }
    }

    private static func mode(_ source: inout some EncodedBytes) throws -> Mode {
        guard let mode = Mode(rawValue: try source.next(1)[0]) else { throw VaultError.badEncoding("an unknown mode") }
        return mode
    }

    /// A plane of `count` bytes that was coded.
    private static func coded(_ count: Int, from source: inout some EncodedBytes) throws -> [UInt8] {
        let length = try number(8, &source)
        // A stream of Huffman codes is never longer than what it stands for by more than its frame.
        guard length <= UInt64(count) + 64 else { throw VaultError.badEncoding("a stream of \(length) bytes") }
        let stream = try source.next(Int(length))
        return try stream.withUnsafeBytes { try Deflate.decoded($0, count: count) }
    }

    /// An integer of so many bytes, the highest first.
    private static func number(_ bytes: Int, _ source: inout some EncodedBytes) throws -> UInt64 {
        try source.next(bytes).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func isConstant(_ bytes: UnsafeRawBufferPointer, _ value: UInt8) -> Bool {
        for byte in bytes where byte != value { return false }
        return true
    }

    private static func fill(
        _ target: UnsafeMutableRawBufferPointer, kind: TensorRun.Kind, from source: inout some EncodedBytes
    ) throws {
        let width = kind.width
        let count = target.count / width
        for plane in 0..<width {
            let bytes =
                switch try mode(&source) {
                case .stored: try source.next(count)
                case .constant: [UInt8](repeating: try source.next(1)[0], count: count)
                case .coded: try coded(count, from: &source)
                }
            bytes.withUnsafeBytes { TensorPlanes.place($0, plane: plane, width: width, in: target) }
        }
    }
}

/// Where encoded bytes come from, in order.
protocol EncodedBytes {
    /// Count of bytes that are left.
    var remaining: Int { get }

    /// The next `count` bytes.
    ///
    /// - Throws: `ByteReader.Failure`, before anything is allocated, if there are fewer.
    mutating func next(_ count: Int) throws -> [UInt8]
}

extension ByteReader: EncodedBytes {
    mutating func next(_ count: Int) throws -> [UInt8] { try array(count) }
}

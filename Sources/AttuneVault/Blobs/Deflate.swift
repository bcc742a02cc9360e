// Attune
// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Raw DEFLATE streams (RFC 1951) of known plain length.
enum Deflate {
    // zlib counts in 32 bits.
    private static let step = 1 << 30

    /// `bytes` in Huffman codes without any matching; nil if that is not shorter.
    static func huffmanCoded(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard bytes.count > 1 else { return nil }
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 9, Z_HUFFMAN_ONLY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        var isWhole = false
        let coded = [UInt8](unsafeUninitializedCapacity: bytes.count - 1) { out, count in
            let input = bytes.bindMemory(to: UInt8.self)
            isWhole = run(&stream, input, out) { deflate($0, $1 ? Z_FINISH : Z_NO_FLUSH) }
            count = isWhole ? Int(stream.total_out) : 0
        }
        return isWhole ? coded : nil
    }

    /// The `count` bytes of a stream that gives exactly those and uses up all of `coded`.
    ///
    /// - Throws: `VaultError` E-VAULT-040.
    static func decoded(_ coded: UnsafeRawBufferPointer, count: Int) throws -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw VaultError.failed("there is no memory for decoding")
        }
        defer { inflateEnd(&stream) }
        var isWhole = false
        let plain = [UInt8](unsafeUninitializedCapacity: count) { out, written in
            isWhole = run(&stream, coded.bindMemory(to: UInt8.self), out) { stream, _ in inflate(stream, Z_NO_FLUSH) }
            isWhole = isWhole && Int(stream.total_out) == count && Int(stream.total_in) == coded.count
            written = isWhole ? count : 0
        }
        guard isWhole else { throw VaultError.badEncoding("a coded plane has not the length it should have") }
        return plain
    }

    /// Feeds the stream piece by piece; true if it ended, false if room or input ran out before.
    private static func run(
        _ stream: inout z_stream, _ input: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>,
        _ turn: (UnsafeMutablePointer<z_stream>, _ isLast: Bool) -> Int32
    ) -> Bool {
        while true {
            let consumed = Int(stream.total_in)
            let written = Int(stream.total_out)
            let available = min(input.count - consumed, step)
            let room = min(output.count - written, step)
            stream.next_in = input.baseAddress.map { UnsafeMutablePointer(mutating: $0 + consumed) }
            stream.avail_in = UInt32(available)
            stream.next_out = output.baseAddress.map { $0 + written }
            stream.avail_out = UInt32(room)
            let status = turn(&stream, consumed + available == input.count)
            if status == Z_STREAM_END { return true }
            guard status == Z_OK, Int(stream.total_in) > consumed || Int(stream.total_out) > written else {
                return false
            }
        }
    }
}

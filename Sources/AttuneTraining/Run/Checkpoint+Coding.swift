// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Foundation

extension Checkpoint {
    /// The part that is JSON; names sorted, so equal states give equal bytes.
    private struct Header: Codable {
        let configuration: TrainingConfiguration
        let state: RunState
        let dataDigest: String
        let blocks: BlockFingerprint
        let manifest: AdapterManifest
    }

    private static let magic = Array("ATTUNERN".utf8)
    private static let version: UInt32 = 1
    private static let maximumHeader = 16 << 20

    /// Hands the bytes to `sink`, piece by piece, so that no second copy of the numbers is needed.
    ///
    /// Layout: magic, u32 version, u32 length of the JSON, the JSON, u64 P, then parameters, m, v and best as P float32
    /// each; moments of 8 bits are floats, scales and codes instead. Integers are big-endian, floats little-endian as in
    /// the tensors of an adapter.
    package func write(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let header = try encoder.encode(
            Header(
                configuration: configuration, state: state, dataDigest: dataDigest, blocks: blocks, manifest: manifest))
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.bigEndian(Self.version)
        writer.bigEndian(UInt32(header.count))
        writer.append(header)
        writer.bigEndian(UInt64(parameters.layout.count))
        try writer.bytes.withUnsafeBytes(sink)
        try sink(UnsafeRawBufferPointer(parameters.values.buffer))
        for part in moments.buffers { try sink(UnsafeRawBufferPointer(part)) }
        try sink(UnsafeRawBufferPointer(best.values.buffer))
    }

    /// All bytes at once.
    package func encoded() throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16 * parameters.layout.count + 65_536)
        try write { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Reads what `write` wrote; every size is checked before memory is taken.
    ///
    /// - Throws: `TrainingError` E-TRAIN-003.
    package init(encoded bytes: UnsafeRawBufferPointer) throws(TrainingError) {
        do {
            var reader = ByteReader(bytes)
            guard try reader.array(8) == Self.magic else { throw TrainingError.checkpoint("it is no checkpoint") }
            let version: UInt32 = try reader.bigEndian()
            guard version == Self.version else { throw TrainingError.checkpoint("version \(version) is not known") }
            let length: UInt32 = try reader.bigEndian()
            guard length <= Self.maximumHeader else { throw TrainingError.checkpoint("its header is too long") }
            let header = try JSONDecoder().decode(Header.self, from: Data(try reader.run(UInt64(length))))
            try header.configuration.validate()
            guard header.state.isConsistent else { throw TrainingError.checkpoint("its counters cannot be") }
            let layout = try header.manifest.layout()
            let count: UInt64 = try reader.bigEndian()
            let optimizer = header.configuration.optimizer
            let size = 8 * layout.count + Moments.bytes(layout: layout, optimizer: optimizer)
            guard count == UInt64(layout.count), reader.remaining == size else {
                throw TrainingError.checkpoint("it does not have the numbers of its adapter")
            }
            configuration = header.configuration
            state = header.state
            dataDigest = header.dataDigest
            blocks = header.blocks
            manifest = header.manifest
            parameters = try Self.numbers(&reader, layout)
            moments = Moments(layout: layout, optimizer: optimizer)
            for part in moments.buffers { part.copyMemory(from: try reader.run(UInt64(part.count))) }
            guard moments.isFinite else { throw TrainingError.checkpoint("it holds numbers that are not finite") }
            best = try Self.numbers(&reader, layout)
        } catch let error as TrainingError where error.kind == .checkpoint {
            throw error
        } catch {
            throw .checkpoint("it is cut short or damaged", cause: error)
        }
    }

    private static func numbers(_ reader: inout ByteReader, _ layout: LoRALayout) throws -> LoRAParameters<Float> {
        let bytes = try reader.run(UInt64(4 * layout.count))
        let parameters = LoRAParameters<Float>(layout: layout)
        UnsafeMutableRawBufferPointer(parameters.values.buffer).copyMemory(from: bytes)
        guard isFinite(parameters.values) else {
            throw TrainingError.checkpoint("it holds numbers that are not finite")
        }
        return parameters
    }
}

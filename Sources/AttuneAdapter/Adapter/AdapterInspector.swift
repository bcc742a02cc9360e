// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Looks at the tensors of an adapter while their bytes pass, with none of them in memory as a whole.
package struct AdapterInspector {
    private let layout: LoRALayout
    /// Bytes that the whole has.
    private let size: Int
    private var header: [UInt8] = []
    /// Tensors in the order of their data, once the header is known, with the place of their site and which of A and B
    /// they are.
    private var tensors: [(entry: SafetensorsFile.Entry, type: SafetensorsType, place: Int)]?
    private var tensor = 0
    /// Bytes of a number of which the rest is still to come.
    private var cut: [UInt8] = []
    private var passed = 0
    /// Sums of the squares of A and B of each site, in the order of the layout.
    private var squares: [Double]

    private static let headerLimit: UInt64 = 1 << 20

    /// - Parameters:
    ///   - manifest: what the adapter says of itself.
    ///   - size: count of its bytes.
    /// - Throws: `AdapterError` E-ADAPTER-004, 006 or 015 for a manifest that cannot be.
    package init(manifest: AdapterManifest, size: Int) throws(AdapterError) {
        layout = try manifest.layout()
        try layout.checkRanks()
        self.size = size
        squares = [Double](repeating: 0, count: 2 * layout.entries.count)
    }

    /// Bytes of the largest tensor, its numbers as Float.
    package var largestTensor: Int {
        layout.entries.map { 4 * $0.rank * max($0.inputs, $0.outputs) }.max() ?? 0
    }

    /// Looks at the next bytes.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001, 002, 003 or 004.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) throws(AdapterError) {
        passed += bytes.count
        var rest = bytes
        if tensors == nil {
            try readHeader(&rest)
            guard tensors != nil else { return }
        }
        while !rest.isEmpty {
            guard let tensors, tensor < tensors.count else { throw .safetensors("bytes after the last tensor") }
            let (entry, type, place) = tensors[tensor]
            let end = entry.range.upperBound - (passed - rest.count)
            let part = UnsafeRawBufferPointer(rebasing: rest[..<min(end, rest.count)])
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
            try add(part, of: type, to: place, named: entry.name)
            if part.count == end { tensor += 1 }
        }
    }

    /// ‖B‖·‖A‖·|s| of each adapted matrix, once all bytes have passed.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001 if some are missing.
    package func norms() throws(AdapterError) -> [(site: LoRASite, norm: Double)] {
        guard passed == size, tensors != nil else { throw .safetensors("it ends too early") }
        return layout.entries.enumerated().map { index, entry in
            let product = squares[2 * index].squareRoot() * squares[2 * index + 1].squareRoot()
            return (entry.site, product * abs(Double(entry.scale)))
        }
    }

    /// Takes the header off the front, as much of it as there is.
    private mutating func readHeader(_ rest: inout UnsafeRawBufferPointer) throws(AdapterError) {
        func take(upTo count: Int) {
            let part = rest.prefix(max(0, count - header.count))
            header += part
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
        take(upTo: 8)
        guard header.count >= 8 else { return }
        let length = header.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= Self.headerLimit else { throw .safetensors("a header of \(length) bytes") }
        take(upTo: 8 + Int(length))
        guard header.count == 8 + Int(length) else { return }
        let total = size
        let read = header.withUnsafeBytes { bytes in
            Result { () throws(AdapterError) in try SafetensorsFile(bytes, size: total) }
        }
        let file = try read.get()
        var places: [String: Int] = [:]
        for (index, (a, b)) in try Adapter.tensors(of: layout, in: file).enumerated() {
            places[a.name] = 2 * index
            places[b.name] = 2 * index + 1
        }
        var found: [(SafetensorsFile.Entry, SafetensorsType, Int)] = []
        for entry in file.entries {
            guard let type = SafetensorsType(rawValue: entry.type), let place = places[entry.name] else {
                throw .safetensors("\(entry.name.prefix(200)) is stored as \(entry.type)")
            }
            found.append((entry, type, place))
        }
        tensors = found
    }

    private mutating func add(
        _ bytes: UnsafeRawBufferPointer, of type: SafetensorsType, to place: Int, named name: String
    ) throws(AdapterError) {
        var (sum, finite) = (0.0, true)
        func add(_ value: Float) {
            finite = finite && value.isFinite
            sum += Double(value) * Double(value)
        }
        var rest = bytes
        if !cut.isEmpty {
            let part = rest.prefix(type.bytes - cut.count)
            cut += part
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
            if cut.count == type.bytes {
                add(cut.withUnsafeBytes { SafetensorsFile.number(0, of: $0, as: type) })
                cut = []
            }
        }
        let count = rest.count / type.bytes
        for position in 0..<count { add(SafetensorsFile.number(position, of: rest, as: type)) }
        cut += rest.dropFirst(count * type.bytes)
        squares[place] += sum
        guard finite else { throw .notFinite(String(name.prefix(200))) }
    }
}

extension Adapter {
    /// ‖B‖·‖A‖·|s| of each adapted matrix.
    package var norms: [(site: LoRASite, norm: Double)] {
        layout.entries.map { entry in
            func norm(_ numbers: UnsafeMutableBufferPointer<Float>) -> Double {
                numbers.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            }
            return (
                entry.site,
                norm(parameters.a(entry).buffer) * norm(parameters.b(entry).buffer) * abs(Double(entry.scale))
            )
        }
    }
}

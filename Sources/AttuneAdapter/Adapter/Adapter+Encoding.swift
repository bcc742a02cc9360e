// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

extension Adapter {
    /// The adapter as safetensors bytes: F32 tensors `blk.N.attn_q.lora_a` [R, in] and `.lora_b` [out, R], rows as in
    /// the base's own file.
    package func encoded() -> [UInt8] { writer().bytes() }

    /// The same bytes piece by piece: first the header, then tensor by tensor, with numbers rounded to bfloat16 where
    /// `rounding` says so.
    package func writer(rounding: Bool = false) -> SafetensorsWriter {
        var writer = SafetensorsWriter(metadata: [("format", "attune")])
        for entry in layout.entries {
            let (nameA, nameB) = Self.tensorNames(entry.site)
            let a = parameters.a(entry)
            let b = parameters.b(entry)
            for (name, matrix) in [(nameA, a), (nameB, b)] {
                writer.add(name, shape: [matrix.rows, matrix.columns]) { numbers in
                    _ = numbers.update(fromContentsOf: matrix.buffer)
                    guard rounding else { return }
                    for index in numbers.indices { numbers[index] = BFloat16(numbers[index]).value }
                }
            }
        }
        return writer
    }

    /// Reads what `encoded` wrote, checked against the manifest.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001, 003, 004 or 006.
    package init(encoded bytes: UnsafeRawBufferPointer, manifest: AdapterManifest) throws(AdapterError) {
        let layout = try manifest.layout()
        let file = try SafetensorsFile(bytes)
        // Shapes are compared before memory is taken: what the file holds bounds what is allocated.
        let found = try Self.tensors(of: layout, in: file)
        let parameters = try LoRAParameters<Float>(fitting: layout)
        for (entry, (a, b)) in zip(layout.entries, found) {
            try SafetensorsFile.convert(a, of: bytes, into: parameters.a(entry).buffer)
            try SafetensorsFile.convert(b, of: bytes, into: parameters.b(entry).buffer)
        }
        self.init(base: manifest.base, configuration: manifest.configuration, parameters: parameters)
    }

    /// A and B of each site of a layout, in its order, with the shapes that they have to have; nothing else is in the file.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-004.
    static func tensors(
        of layout: LoRALayout, in file: SafetensorsFile
    ) throws(AdapterError) -> [(a: SafetensorsFile.Entry, b: SafetensorsFile.Entry)] {
        guard file.entries.count == layout.entries.count * 2 else {
            throw .manifest("\(file.entries.count) tensors for \(layout.entries.count) adapted matrices")
        }
        var found: [(a: SafetensorsFile.Entry, b: SafetensorsFile.Entry)] = []
        for entry in layout.entries {
            let (nameA, nameB) = Self.tensorNames(entry.site)
            guard let a = file[nameA], let b = file[nameB] else { throw .manifest("no tensors for \(entry.site)") }
            guard a.shape == [entry.rank, entry.inputs], b.shape == [entry.outputs, entry.rank] else {
                throw .manifest("\(entry.site) has shapes \(a.shape) and \(b.shape)")
            }
            found.append((a, b))
        }
        return found
    }

    private static func tensorNames(_ site: LoRASite) -> (a: String, b: String) {
        let stem = "blk.\(site.layer).\(site.module.rawValue)"
        return (stem + ".lora_a", stem + ".lora_b")
    }
}

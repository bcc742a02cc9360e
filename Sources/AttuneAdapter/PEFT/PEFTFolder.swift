// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Foundation

/// A LoRA adapter in the folder layout of Hugging Face PEFT: `adapter_config.json`, `adapter_model.safetensors`.
package enum PEFTFolder {
    static let configurationName = "adapter_config.json"
    static let tensorsName = "adapter_model.safetensors"

    /// Reads a folder as an adapter of `base`, with q and k rows brought into the order of the base's file.
    ///
    /// Every tensor of the file must be one of an adapted matrix, and every adapted matrix must have both of its tensors.
    /// What torch.compile, data parallelism and other adapters beside this one put into the names is passed over.
    /// - Returns: beside the adapter the names of `target_modules` that the base does not have.
    /// - Throws: `AdapterError`, naming the field or tensor that is wrong or not supported.
    package static func read(
        _ url: URL, base: BaseIdentity
    ) throws -> (adapter: Adapter, extras: PEFTExtras, unusedTargets: [String]) {
        let text = try file(configurationName, in: url, maximum: 4 << 20)
        let json = try withExtendedLifetime(text) { try JSONReader.read(text.bytes) }
        let configuration = try PEFTConfiguration(json)
        let tensors = try file(tensorsName, in: url, maximum: Int.max)
        // Entries are offsets: the mapping must outlive every use of `tensors.bytes`.
        defer { withExtendedLifetime(tensors) {} }
        let header = try PEFTTensors(SafetensorsFile(tensors.bytes))
        let prefix = header.prefix
        let root = String(prefix.dropFirst("base_model.model.".count))
        let (sites, unusedTargets) = try configuration.sites(shape: base.shape, root: root)
        let layout = try LoRALayout.checked(shape: base.shape, sites: sites)
        try layout.checkRanks()
        let found = try match(header, layout: layout, prefix: prefix)
        let parameters = try LoRAParameters<Float>(fitting: layout)
        for (entry, pair) in zip(layout.entries, found) {
            let b = parameters.b(entry)
            try SafetensorsFile.convert(pair.a, of: tensors.bytes, into: parameters.a(entry).buffer)
            if RowOrder.differs(entry.site.module, shape: base.shape) {
                let halves = Matrix<Float>(rows: b.rows, columns: b.columns)
                try SafetensorsFile.convert(pair.b, of: tensors.bytes, into: halves.buffer)
                RowOrder.toAdjacentPairs(halves, into: b, headDimension: base.shape.headDimension)
            } else {
                try SafetensorsFile.convert(pair.b, of: tensors.bytes, into: b.buffer)
            }
        }
        guard tensors.isIntact else { throw FileError.changed(tensors.path) }
        let adapted = LoRAConfiguration(
            rank: configuration.rank, alpha: configuration.alpha, rankStabilized: configuration.rankStabilized,
            dropout: configuration.dropout, modules: Array(Set(layout.entries.map(\.site.module))),
            layers: Array(Set(layout.entries.map(\.site.layer))))
        return (
            Adapter(base: base, configuration: adapted, parameters: parameters),
            PEFTExtras(configuration: JSONWriter.compact(json), prefix: prefix), unusedTargets
        )
    }

    static func tensorNames(_ site: LoRASite, prefix: String) -> (a: String, b: String) {
        let stem = PEFTConfiguration.path(site, root: prefix)
        return (stem + ".lora_A.weight", stem + ".lora_B.weight")
    }

    private static func file(_ name: String, in url: URL, maximum: Int) throws -> MappedFile {
        let path = url.appending(path: name).path
        guard FileManager.default.fileExists(atPath: path) else {
            throw AdapterError.notAFolder(url.path, missing: name)
        }
        let file = try MappedFile(path: path)
        guard file.bytes.count <= maximum else { throw AdapterError.field("", "is larger than \(maximum) bytes") }
        return file
    }

    /// The entries of A and B for each site of the layout, in its order.
    private static func match(
        _ header: PEFTTensors, layout: LoRALayout, prefix: String
    ) throws(AdapterError) -> [(a: SafetensorsFile.Entry, b: SafetensorsFile.Entry)] {
        var missing: [String] = []
        var known: Set<String> = []
        var found: [(a: SafetensorsFile.Entry, b: SafetensorsFile.Entry)] = []
        for entry in layout.entries {
            let names = tensorNames(entry.site, prefix: prefix)
            known.formUnion([names.a, names.b])
            if let a = header[names.a], let b = header[names.b] {
                found.append((a, b))
            } else {
                missing += [names.a, names.b].filter { header[$0] == nil }
            }
        }
        let strangers = header.names.filter { !known.contains($0) }
        for name in strangers {
            if let what = unsupportedKind(name) {
                throw .unsupported(
                    "\(name.prefix(200)) belongs to \(what)",
                    remedy: "Merge it with PEFT, or train an adapter of plain LoRA on the linear layers.")
            }
        }
        guard strangers.isEmpty else { throw .unmatched(strangers.map { String($0.prefix(200)) }) }
        guard missing.isEmpty else { throw .missing(missing) }
        for (entry, pair) in zip(layout.entries, found) {
            let expectedA = [entry.rank, entry.inputs]
            let expectedB = [entry.outputs, entry.rank]
            guard pair.a.shape == expectedA else {
                throw .shape(pair.a.name, found: pair.a.shape, expected: expectedA)
            }
            guard pair.b.shape == expectedB else {
                throw .shape(pair.b.name, found: pair.b.shape, expected: expectedB)
            }
        }
        return found
    }

    private static func unsupportedKind(_ name: String) -> String? {
        if name.contains("lora_magnitude_vector") { return "DoRA" }
        if name.contains("lora_embedding_") { return "an adapted embedding" }
        if name.contains("trainable_tokens") { return "trained tokens" }
        if name.contains("lm_head.lora_") { return "an adapted lm_head" }
        if name.hasSuffix(".bias") { return "a trained bias" }
        if name.contains(".base_layer.") || (name.hasSuffix(".weight") && !name.contains(".lora_")) {
            return "a fully trained module (modules_to_save or a resized vocabulary)"
        }
        return nil
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import Foundation

extension PEFTFolder {
    /// Writes an adapter as a PEFT folder, with q and k rows in the order of Hugging Face.
    ///
    /// With the `extras` of an import, fields that Attune does not use are written as they were read. A folder that is
    /// not empty is refused unless it holds an older export and `overwrite` is true; its README.md then stays.
    /// - Throws: `AdapterError` E-ADAPTER-010 or E-ADAPTER-012.
    package static func write(
        _ adapter: Adapter, extras: PEFTExtras? = nil, to url: URL, overwrite: Bool = false
    ) throws {
        let configuration = try configuration(of: adapter, extras: extras)
        let tensors = tensors(of: adapter, prefix: extras?.prefix ?? PEFTExtras.usualPrefix)
        do {
            try FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let present = try FileManager.default.contentsOfDirectory(atPath: url.path)
            guard present.isEmpty || (overwrite && present.contains(configurationName)) else {
                throw AdapterError.targetExists(url.path)
            }
            try replace(tensorsName, in: url, with: tensors)
            try replace(configurationName, in: url, with: Array(JSONWriter.indented(configuration).utf8))
            if !present.contains("README.md") {
                try replace("README.md", in: url, with: Array(card(adapter).utf8))
            }
        } catch let error as AdapterError {
            throw error
        } catch {
            throw AdapterError.cannotWrite(url.path, error)
        }
    }

    /// A half-written file never carries the final name.
    private static func replace(_ name: String, in url: URL, with bytes: [UInt8]) throws {
        let target = url.appending(path: name)
        try Data(bytes).write(to: target, options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: target.path)
    }

    private static func tensors(of adapter: Adapter, prefix: String) -> [UInt8] {
        let shape = adapter.base.shape
        var writer = SafetensorsWriter(metadata: [("format", "pt")])
        for entry in adapter.layout.entries {
            let names = tensorNames(entry.site, prefix: prefix)
            let a = adapter.parameters.a(entry)
            let b = adapter.parameters.b(entry)
            writer.add(names.a, shape: [a.rows, a.columns]) { _ = $0.update(fromContentsOf: a.buffer) }
            writer.add(names.b, shape: [b.rows, b.columns]) { destination in
                guard RowOrder.differs(entry.site.module, shape: shape) else {
                    _ = destination.update(fromContentsOf: b.buffer)
                    return
                }
                let halves = Matrix<Float>(rows: b.rows, columns: b.columns)
                RowOrder.toHalves(b, into: halves, headDimension: shape.headDimension)
                _ = destination.update(fromContentsOf: halves.buffer)
            }
        }
        return writer.bytes()
    }

    /// The configuration to write: the imported one while it still describes the adapter, else with the fields replaced
    /// that no longer do.
    static func configuration(of adapter: Adapter, extras: PEFTExtras?) throws(AdapterError) -> JSONValue {
        let root = String((extras?.prefix ?? PEFTExtras.usualPrefix).dropFirst("base_model.model.".count))
        if let extras {
            let json = try JSONReader.read(extras.configuration)
            if let parsed = try? PEFTConfiguration(json), parsed.dropout == adapter.configuration.dropout,
                let sites = try? parsed.sites(shape: adapter.base.shape, root: root).sites,
                sites.count == adapter.layout.entries.count,
                zip(sites, adapter.layout.entries).allSatisfy({
                    $0.site == $1.site && $0.rank == $1.rank && $0.scale == $1.scale
                })
            {
                return json
            }
            return described(adapter, in: json, root: root)
        }
        let json = try JSONReader.read(defaults)
        return described(
            adapter, in: json.setting("base_model_name_or_path", .string(adapter.base.name)), root: root)
    }

    private static func described(_ adapter: Adapter, in json: JSONValue, root: String) -> JSONValue {
        let configuration = adapter.configuration
        let entries = adapter.layout.entries
        let modules = Set(entries.map(\.site.module)).sorted()
        let layers = Set(entries.map(\.site.layer)).sorted()
        let complete = entries.count == modules.count * layers.count
        let targets =
            complete
            ? modules.map(\.projectionName) : entries.map { PEFTConfiguration.path($0.site, root: root) }
        var ranks: [JSONMember] = []
        var alphas: [JSONMember] = []
        for entry in entries {
            let path = PEFTConfiguration.path(entry.site, root: root)
            if entry.rank != configuration.rank {
                ranks.append(JSONMember(name: path, value: .number(entry.rank)))
            }
            let usual = PEFTConfiguration.scale(
                alpha: configuration.alpha, rank: entry.rank, rankStabilized: configuration.rankStabilized)
            if entry.scale != usual {
                let alpha = PEFTConfiguration.alpha(
                    scale: entry.scale, rank: entry.rank, rankStabilized: configuration.rankStabilized)
                alphas.append(JSONMember(name: path, value: .number(alpha)))
            }
        }
        let allLayers = layers.count == adapter.base.shape.layers || !complete
        return json.setting("r", .number(configuration.rank))
            .setting("lora_alpha", .number(configuration.alpha))
            .setting("use_rslora", .bool(configuration.rankStabilized))
            .setting("lora_dropout", .number(configuration.dropout.description))
            .setting("target_modules", .array(targets.map { .string($0) }))
            .setting("exclude_modules", .null)
            .setting("layers_to_transform", allLayers ? .null : .array(layers.map { .number($0) }))
            .setting("layers_pattern", .null)
            .setting("rank_pattern", .object(ranks))
            .setting("alpha_pattern", .object(alphas))
    }

    private static func card(_ adapter: Adapter) -> String {
        """
        ---
        library_name: peft
        base_model: \(JSONWriter.compact(.string(adapter.base.name)))
        tags:
        - lora
        ---
        LoRA adapter of rank \(adapter.configuration.rank), exported by Attune.
        Base: \(adapter.base.name), BLAKE2b-256 \(adapter.base.id).

        """
    }

    /// Every field of PEFT 0.21.2 at its default.
    private static let defaults = """
        {"alora_invocation_tokens":null,"alpha_pattern":{},"arrow_config":null,"auto_mapping":null,
        "base_model_name_or_path":null,"bias":"none","corda_config":null,"ensure_weight_tying":false,
        "eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,
        "init_lora_weights":true,"kasa_config":null,"layer_replication":null,"layers_pattern":null,
        "layers_to_transform":null,"loftq_config":{},"lora_alpha":8,"lora_bias":false,"lora_dropout":0.0,
        "lora_ga_config":null,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,
        "monteclora_config":null,"peft_type":"LORA","peft_version":"0.21.2","qalora_group_size":16,"r":8,
        "rank_pattern":{},"revision":null,"target_modules":null,"target_parameters":null,
        "task_type":"CAUSAL_LM","trainable_token_indices":null,"use_bdlora":null,"use_dora":false,
        "use_qalora":false,"use_rslora":false,"velora_config":null}
        """
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// The tensors of a PEFT adapter by the names that PEFT itself gives them.
///
/// Programs that wrap the model put more into the names of what is the same LoRA: `_orig_mod.` (torch.compile),
/// `module.` in front (data parallelism), the adapter's own name before `.weight`; others leave `base_model.model.` out.
struct PEFTTensors {
    /// In the order of the file.
    let names: [String]
    private let entries: [String: SafetensorsFile.Entry]

    subscript(name: String) -> SafetensorsFile.Entry? { entries[name] }

    /// - Throws: `AdapterError` E-ADAPTER-006 if two tensors have one name then, as those of several adapters in one file.
    init(_ file: SafetensorsFile) throws(AdapterError) {
        var names: [String] = []
        var entries: [String: SafetensorsFile.Entry] = [:]
        for entry in file.entries {
            let name = Self.canonical(entry.name)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw .unsupported(
                    "\(entry.name.prefix(200)) is there a second time under another name",
                    remedy:
                        "Save one adapter a folder: model.save_pretrained(FOLDER, selected_adapters=[NAME]) in PEFT.")
            }
            names.append(name)
        }
        (self.names, self.entries) = (names, entries)
    }

    /// What stands before `layers.` in the names; the same in all of them.
    var prefix: String {
        PEFTExtras.prefixes.first { prefix in names.contains { $0.hasPrefix(prefix + "layers.") } }
            ?? PEFTExtras.usualPrefix
    }

    private static func canonical(_ name: String) -> String {
        var parts = name.split(separator: ".", omittingEmptySubsequences: false).filter { $0 != "_orig_mod" }
        if parts.first == "module" { parts.removeFirst() }
        if let factor = parts.lastIndex(where: { $0 == "lora_A" || $0 == "lora_B" }), factor + 3 == parts.count,
            parts.last == "weight"
        {
            parts.remove(at: factor + 1)
        }
        if parts.first == "model" || parts.first == "layers" { parts = ["base_model", "model"] + parts }
        return parts.joined(separator: ".")
    }
}

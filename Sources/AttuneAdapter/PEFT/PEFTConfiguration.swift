// Attune
// SPDX-License-Identifier: Apache-2.0

/// The meaning of the fields of `adapter_config.json` that decide what a LoRA adapter computes.
struct PEFTConfiguration {
    enum Targets {
        case names([String])
        case expression(String)
        case allLinear
    }

    let rank: Int
    let alpha: Float
    let rankStabilized: Bool
    let dropout: Float
    let targets: Targets
    let excluded: Targets?
    let layers: Set<Int>?
    let rankPattern: [(key: String, rank: Int)]
    let alphaPattern: [(key: String, alpha: Float)]

    /// Absent r and alpha mean 8 and 8, as in PEFT.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-005 for fields that cannot be read, E-ADAPTER-006 for methods beyond LoRA.
    init(_ json: JSONValue) throws(AdapterError) {
        guard json.members != nil else { throw .field("", "is not an object") }
        guard json["peft_type"]?.text == "LORA" else {
            throw .unsupported(
                "its peft_type is \(json["peft_type"]?.text?.prefix(40) ?? "missing")",
                remedy: "Only LoRA adapters can be imported.")
        }
        try Self.refuseOtherMethods(json)
        rank = try Self.rank(json["r"], "r") ?? 8
        alpha = try Self.float(json["lora_alpha"], "lora_alpha") ?? 8
        rankStabilized = try Self.bool(json, "use_rslora")
        dropout = try Self.float(json["lora_dropout"], "lora_dropout") ?? 0
        guard dropout >= 0, dropout < 1 else { throw .field("lora_dropout", "is not between 0 and 1") }
        guard let targets = try Self.targets(json["target_modules"], "target_modules") else {
            throw .field("target_modules", "is missing")
        }
        self.targets = targets
        excluded = try Self.targets(json["exclude_modules"], "exclude_modules")
        layers = try Self.layers(json)
        rankPattern = try Self.pattern(json["rank_pattern"], "rank_pattern") { value throws(AdapterError) in
            try Self.rank(value, "rank_pattern") ?? 8
        }.map { (key: $0.0, rank: $0.1) }
        alphaPattern = try Self.pattern(json["alpha_pattern"], "alpha_pattern") { value throws(AdapterError) in
            try Self.float(value, "alpha_pattern") ?? 8
        }.map { (key: $0.0, alpha: $0.1) }
    }

    private static func isSet(_ value: JSONValue?) -> Bool {
        switch value {
        case nil, .null, .bool(false): false
        case .array(let values): !values.isEmpty
        case .object(let members): !members.isEmpty
        default: true
        }
    }

    private static func refuseOtherMethods(_ json: JSONValue) throws(AdapterError) {
        let merge = "Merge it with PEFT, or train an adapter of plain LoRA."
        if isSet(json["use_dora"]) { throw .unsupported("it uses DoRA (use_dora)", remedy: merge) }
        for name in [
            "modules_to_save", "trainable_token_indices", "target_parameters", "layer_replication", "use_qalora",
            "use_bdlora", "lora_bias", "fan_in_fan_out", "alora_invocation_tokens", "arrow_config", "kasa_config",
            "velora_config", "monteclora_config",
        ] where isSet(json[name]) {
            throw .unsupported("it sets \(name)", remedy: merge)
        }
        if let bias = json["bias"], bias != .null, bias.text != "none" {
            throw .unsupported("it trains biases (bias is \(bias.text?.prefix(40) ?? "not text"))", remedy: merge)
        }
        // These change the base's own weights before training; PEFT sets the field to true when it converts them back.
        if let initial = json["init_lora_weights"]?.text {
            for name in ["pissa", "olora", "corda", "lora_ga", "loftq"] where initial.hasPrefix(name) {
                throw .unsupported(
                    "it was started with \(name), which changes the base",
                    remedy: "Save it with path_initial_model_for_weight_conversion, then import that.")
            }
        }
    }

    private static func bool(_ json: JSONValue, _ name: String) throws(AdapterError) -> Bool {
        switch json[name] {
        case nil, .null: return false
        case .bool(let value): return value
        default: throw .field(name, "is neither true nor false")
        }
    }

    private static func rank(_ value: JSONValue?, _ name: String) throws(AdapterError) -> Int? {
        guard let value, value != .null else { return nil }
        guard let rank = value.integer, rank >= 1, rank <= 65_536 else { throw .field(name, "is not a rank") }
        return rank
    }

    private static func float(_ value: JSONValue?, _ name: String) throws(AdapterError) -> Float? {
        guard let value, value != .null else { return nil }
        guard let number = value.double, Float(number).isFinite else { throw .field(name, "is not a finite number") }
        return Float(number)
    }

    private static func targets(_ value: JSONValue?, _ name: String) throws(AdapterError) -> Targets? {
        switch value {
        case nil, .null: return nil
        case .string("all-linear") where name == "target_modules": return .allLinear
        case .string(let expression): return .expression(expression)
        case .array(let values):
            guard values.count <= 4096 else { throw .field(name, "has more than 4096 names") }
            var names: [String] = []
            for value in values {
                guard let text = value.text else { throw .field(name, "holds something that is not text") }
                names.append(text)
            }
            if names.isEmpty {
                guard name != "target_modules" else { throw .field(name, "is empty") }
                return nil
            }
            return .names(names)
        default: throw .field(name, "is neither a list nor text")
        }
    }

    private static func layers(_ json: JSONValue) throws(AdapterError) -> Set<Int>? {
        let name = "layers_to_transform"
        guard let value = json[name], value != .null else { return nil }
        let values = value.elements ?? [value]
        var layers: Set<Int> = []
        for value in values {
            guard let layer = value.integer, layer >= 0 else { throw .field(name, "holds something else than layers") }
            layers.insert(layer)
        }
        if values.isEmpty { return nil }
        let pattern = json["layers_pattern"] ?? .null
        let names = pattern.elements?.map(\.text) ?? (pattern == .null ? [] : [pattern.text])
        guard names.isEmpty || names.contains("layers") || names == [""] else {
            throw .field("layers_pattern", "names no layers of this base")
        }
        return layers
    }

    private static func pattern<Value>(
        _ value: JSONValue?, _ name: String, _ read: (JSONValue) throws(AdapterError) -> Value
    ) throws(AdapterError) -> [(String, Value)] {
        guard let value, value != .null else { return [] }
        guard let members = value.members else { throw .field(name, "is not an object") }
        guard members.count <= 4096 else { throw .field(name, "has more than 4096 entries") }
        var entries: [(String, Value)] = []
        for member in members { entries.append((member.name, try read(member.value))) }
        return entries
    }
}

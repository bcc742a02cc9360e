// Attune
// SPDX-License-Identifier: Apache-2.0

extension ModelConfiguration {
    /// Reads checked values of the keys that begin with the architecture's name.
    struct HyperparameterReader {
        let file: GGUFFile
        let architecture: String

        func key(_ name: String) -> String { "\(architecture).\(name)" }

        func bad(_ name: String, _ reason: String) -> ModelError {
            ModelError.badValue(key(name), file: file.name, reason)
        }

        /// A count inside `range`; the default where the file has none.
        func size(_ name: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int {
            let value = try file.uint32(key(name)).map { Int($0) } ?? fallback
            guard let value else { throw ModelError.missingKey(key(name), file: file.name) }
            guard range.contains(value) else {
                throw bad(name, "is \(value); it must lie between \(range.lowerBound) and \(range.upperBound)")
            }
            return value
        }

        /// A count that some files give once and others for each layer; layers that differ are not supported.
        func sizeOfEachLayer(_ name: String, in range: ClosedRange<Int>, layers: Int, default fallback: Int? = nil)
            throws -> Int
        {
            guard let array = file.metadata[key(name)]?.array else {
                return try size(name, in: range, default: fallback)
            }
            let values = array.uint32.map { $0.map { Int($0) } } ?? array.int32.map { $0.map { Int($0) } }
            guard let values, values.count == layers, let first = values.first else {
                throw bad(name, "has \(array.count) values of \(array.elementName) for \(layers) layers")
            }
            guard values.allSatisfy({ $0 == first }) else {
                throw ModelError.unsupportedFeature("layers that differ in \(key(name))", file: file.name)
            }
            guard range.contains(first) else {
                throw bad(name, "is \(first); it must lie between \(range.lowerBound) and \(range.upperBound)")
            }
            return first
        }

        /// A finite number, or nil if the file has none.
        func number(_ name: String) throws -> Float? {
            let value = try file.float32(key(name))
            guard value?.isFinite ?? true else { throw bad(name, "is not a finite number") }
            return value
        }

        /// A finite number above 0; the default where the file has none.
        func positive(_ name: String, default fallback: Float? = nil) throws -> Float {
            guard let value = try number(name) ?? fallback else {
                throw ModelError.missingKey(key(name), file: file.name)
            }
            guard value > 0 else { throw bad(name, "is \(value); it must be above 0") }
            return value
        }

        /// Refuses what would make the llama graph compute something else than the model's authors meant.
        func refuseUnsupportedFeatures() throws {
            if let experts = try file.uint32(key("expert_count")), experts > 0 {
                throw ModelError.unsupportedFeature("a mixture of \(experts) experts", file: file.name)
            }
            for name in ["logit_scale", "residual_scale", "embedding_scale"] {
                if let scale = try number(name), scale != 0, scale != 1 {
                    throw ModelError.unsupportedFeature(key(name), file: file.name)
                }
            }
            for name in ["attn_logit_softcapping", "final_logit_softcapping"] {
                if let cap = try number(name), cap != 0 {
                    throw ModelError.unsupportedFeature(key(name), file: file.name)
                }
            }
        }
    }
}

extension ModelConfiguration.HyperparameterReader {
    /// The scaling of the file: linear where it gives a factor and no type; no factor or a factor of 0 means none.
    func ropeScaling(base: Double, contextLength: Int) throws -> RopeScaling {
        let type = try file.string(key("rope.scaling.type")) ?? "linear"
        let factor = Double(try number("rope.scaling.factor") ?? number("rope.scale_linear") ?? 0)
        guard factor >= 0 else { throw bad("rope.scaling.factor", "is negative") }
        switch type {
        case "none": return .none
        case "linear": return factor == 0 || factor == 1 ? .none : .linear(factor: factor)
        case "yarn":
            guard base > 1 else { throw bad("rope.freq_base", "is \(base); YaRN needs more than 1") }
            var yarn = RopeScaling.YaRN(
                factor: factor == 0 ? 1 : factor,
                originalContextLength: try size(
                    "rope.scaling.original_context_length", in: 1...Int(Int32.max), default: contextLength))
            yarn.betaFast = Double(try positive("rope.scaling.yarn_beta_fast", default: 32))
            yarn.betaSlow = Double(try positive("rope.scaling.yarn_beta_slow", default: 1))
            yarn.correctionShare = Double(try number("rope.scaling.yarn_ext_factor") ?? 1)
            return .yarn(yarn)
        default:
            throw ModelError.unsupportedFeature("rope scaling of type “\(type)”", file: file.name)
        }
    }

    /// The tensor `rope_freqs.weight` (Llama 3), one divisor for each pair, or nil.
    func ropeDivisors(pairs: Int) throws -> [Float]? {
        let name = "rope_freqs.weight"
        guard let tensor = file.tensor(name) else { return nil }
        guard tensor.shape == [pairs] else {
            throw ModelError.wrongShape(name, file: file.name, is: tensor.shape, expected: [pairs])
        }
        let values = try file.vector(name)
        guard values?.allSatisfy({ $0 > 0 }) ?? true else {
            throw ModelError.badValue(name, file: file.name, "holds divisors that are not above 0")
        }
        return values
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

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

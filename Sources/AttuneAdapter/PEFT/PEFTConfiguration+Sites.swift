// Attune
// SPDX-License-Identifier: Apache-2.0

extension PEFTConfiguration {
    /// The adapted matrices of a base, with rank and effective scale of each; modules lie at `root` + `layers.N…`.
    ///
    /// - Returns: beside them the names of `target_modules` that match nothing, as those of other families in a list for
    ///   many bases.
    /// - Throws: `AdapterError` E-ADAPTER-005 or, if no name matches, E-ADAPTER-013.
    func sites(
        shape: BaseShape, root: String
    ) throws(AdapterError) -> (sites: [(site: LoRASite, rank: Int, scale: Float)], unused: [String]) {
        let targets = try Matcher(self.targets, field: "target_modules")
        let excluded = try self.excluded.map { value throws(AdapterError) in
            try Matcher(value, field: "exclude_modules")
        }
        let ranks = try rankPattern.map { entry throws(AdapterError) in
            (try ModulePattern(entry.key, afterDot: true, field: "rank_pattern"), entry.rank)
        }
        let alphas = try alphaPattern.map { entry throws(AdapterError) in
            (try ModulePattern(entry.key, afterDot: true, field: "alpha_pattern"), entry.alpha)
        }
        guard (ranks.map(\.0) + alphas.map(\.0)).count(where: \.isExpression) <= ModulePattern.expressionLimit else {
            throw .field(
                "rank_pattern", "and alpha_pattern have more than \(ModulePattern.expressionLimit) expressions")
        }
        var effort = ModulePattern.effort
        var sites: [(site: LoRASite, rank: Int, scale: Float)] = []
        var used: Set<String> = []
        for layer in 0..<shape.layers {
            for module in TargetModule.allCases {
                let site = LoRASite(layer: layer, module: module)
                let path = Self.path(site, root: root)
                guard let name = try targets.match(path, &effort) else { continue }
                used.insert(name)
                if let excluded, try excluded.match(path, &effort) != nil { continue }
                // A full path wins over the choice of layers, as in PEFT.
                if let layers, name != path, !layers.contains(layer) { continue }
                var rank = self.rank
                for (pattern, value) in ranks where try pattern.matches(path, field: "rank_pattern", effort: &effort) {
                    rank = value
                    break
                }
                var alpha = self.alpha
                for (pattern, value) in alphas where try pattern.matches(path, field: "alpha_pattern", effort: &effort)
                {
                    alpha = value
                    break
                }
                sites.append((site, rank, Self.scale(alpha: alpha, rank: rank, rankStabilized: rankStabilized)))
            }
        }
        var unused: Set<String> = []
        if case .names(let names) = self.targets {
            unused = Set(names).subtracting(used)
            guard !used.isEmpty else { throw .targets(Array(unused)) }
        }
        guard !sites.isEmpty else { throw .field("target_modules", "matches nothing of this base") }
        return (sites, unused.sorted())
    }

    /// Where a Llama-like model of Hugging Face keeps the matrix of a site.
    static func path(_ site: LoRASite, root: String) -> String {
        "\(root)layers.\(site.layer).\(site.module.parentName).\(site.module.projectionName)"
    }

    static func scale(alpha: Float, rank: Int, rankStabilized: Bool) -> Float {
        LoRAConfiguration(rank: rank, alpha: alpha, rankStabilized: rankStabilized, layers: []).scale
    }

    /// The alpha whose scale at `rank` is exactly `scale`, or the nearest there is.
    static func alpha(scale: Float, rank: Int, rankStabilized: Bool) -> Float {
        let divisor = rankStabilized ? Double(rank).squareRoot() : Double(rank)
        let guess = Float(Double(scale) * divisor)
        return [guess.rounded(), guess, guess.nextUp, guess.nextDown].first {
            Self.scale(alpha: $0, rank: rank, rankStabilized: rankStabilized) == scale
        } ?? guess
    }

    /// Tells which of the names of a field a path matches.
    private struct Matcher {
        private let patterns: [(name: String, pattern: ModulePattern)]?
        private let field: String

        init(_ targets: Targets, field: String) throws(AdapterError) {
            self.field = field
            switch targets {
            case .allLinear: patterns = nil
            case .expression(let text):
                patterns = [(text, try ModulePattern(text, afterDot: false, field: field))]
            case .names(let names):
                patterns = names.map { ($0, ModulePattern(name: $0)) }
            }
        }

        func match(_ path: String, _ effort: inout Int) throws(AdapterError) -> String? {
            guard let patterns else { return path }
            var first: String?
            for (name, pattern) in patterns where try pattern.matches(path, field: field, effort: &effort) {
                if name == path { return name }
                first = first ?? name
            }
            return first
        }
    }
}

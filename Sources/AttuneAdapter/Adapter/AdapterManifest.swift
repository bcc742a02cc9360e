// Attune
// SPDX-License-Identifier: Apache-2.0

/// What stands beside the tensors of an adapter: which base, which method, and the effective scale of every site.
package struct AdapterManifest: Codable, Hashable, Sendable {
    /// Rank and effective scale of one adapted matrix.
    package struct Tensor: Codable, Hashable, Sendable {
        package let site: LoRASite
        package let rank: Int
        package let scale: Float

        package init(site: LoRASite, rank: Int, scale: Float) {
            self.site = site
            self.rank = rank
            self.scale = scale
        }
    }

    package static let currentVersion = 1

    package let formatVersion: Int
    package let base: BaseIdentity
    /// Always `lora` in this version.
    package let method: String
    package let configuration: LoRAConfiguration
    package let tensors: [Tensor]
    package var training: TrainingSummary?
    /// What the adapter's PEFT folder said beyond the fields above; nil for adapters trained here.
    package var peft: PEFTExtras?

    package init(_ adapter: Adapter, training: TrainingSummary? = nil, peft: PEFTExtras? = nil) {
        formatVersion = Self.currentVersion
        base = adapter.base
        method = "lora"
        configuration = adapter.configuration
        tensors = adapter.layout.entries.map { Tensor(site: $0.site, rank: $0.rank, scale: $0.scale) }
        self.training = training
        self.peft = peft
    }

    /// The layout that the manifest describes, once its numbers are known to be sane.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-004 or E-ADAPTER-006.
    package func layout() throws(AdapterError) -> LoRALayout {
        guard formatVersion == Self.currentVersion, method == "lora" else {
            throw .unsupported(
                "format \(formatVersion), method \(method.prefix(40))", remedy: "Install a newer version of Attune.")
        }
        let layout = try LoRALayout.checked(
            shape: base.shape, sites: tensors.map { ($0.site, $0.rank, $0.scale) })
        try checkConfiguration()
        return layout
    }

    /// A later training goes on from the configuration, so its numbers have to be as sane as those of the tensors.
    private func checkConfiguration() throws(AdapterError) {
        guard (1...1 << 16).contains(configuration.rank) else { throw .manifest("rank \(configuration.rank)") }
        guard configuration.alpha.isFinite, (0..<1).contains(configuration.dropout) else {
            throw .manifest("alpha \(configuration.alpha) and dropout \(configuration.dropout)")
        }
        let layers = configuration.layers
        guard layers.allSatisfy({ $0 >= 0 && $0 < base.shape.layers }), Set(layers).count == layers.count,
            Set(configuration.modules).count == configuration.modules.count
        else { throw .manifest("its configuration names layers or modules that are not there, or names one twice") }
    }
}

extension LoRALayout {
    /// A layout from numbers that are not trusted.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-004 for sizes that cannot be, sites that appear twice or scales that are not
    ///   finite.
    static func checked(
        shape: BaseShape, sites: [(site: LoRASite, rank: Int, scale: Float)]
    ) throws(AdapterError) -> LoRALayout {
        let sizes = [shape.width, shape.feedForward, shape.heads, shape.keyValueHeads, shape.headDimension]
        guard sizes.allSatisfy({ $0 > 0 && $0 <= 1 << 20 }), shape.headDimension % 2 == 0,
            shape.heads * shape.headDimension <= 1 << 24, shape.keyValueHeads * shape.headDimension <= 1 << 24
        else { throw .manifest("the shape of the base cannot be") }
        guard !sites.isEmpty, sites.count <= 1 << 16 else { throw .manifest("\(sites.count) adapted matrices") }
        var seen: Set<LoRASite> = []
        for (site, rank, scale) in sites {
            guard site.layer >= 0, site.layer < shape.layers else { throw .manifest("the base has no \(site)") }
            guard seen.insert(site).inserted else { throw .manifest("\(site) appears twice") }
            guard rank >= 1, rank <= 1 << 16 else { throw .manifest("rank \(rank) of \(site)") }
            guard scale.isFinite else { throw .manifest("the scale of \(site) is not finite") }
        }
        return LoRALayout(shape: shape, sites: sites)
    }
}

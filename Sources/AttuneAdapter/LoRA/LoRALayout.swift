// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Where the factors of every adapted site lie in one flat run of parameters.
///
/// Order: sites ascending (layer, then module in the order of `TargetModule`), A before B, each row-major.
package struct LoRALayout: Hashable, Sendable {
    /// Where the factors of one adapted matrix lie, and their sizes.
    package struct Entry: Hashable, Sendable {
        package let site: LoRASite
        /// R of this site; sites may differ (PEFT's `rank_pattern`).
        package let rank: Int
        /// The effective scale s of this site.
        package let scale: Float
        package let inputs: Int
        package let outputs: Int
        /// Offset of A [rank, inputs] in the run, in elements.
        package let offsetA: Int
        /// Offset of B [outputs, rank] in the run, in elements.
        package let offsetB: Int

        /// Largest rank that this matrix may have.
        package var rankLimit: Int { LoRALayout.rankLimit(inputs: inputs, outputs: outputs) }
    }

    package let entries: [Entry]
    /// P, the count of all parameters.
    package let count: Int
    private let index: [LoRASite: Int]

    /// The layout for sites with their rank and scale.
    package init(shape: BaseShape, sites: [(site: LoRASite, rank: Int, scale: Float)]) {
        var entries: [Entry] = []
        var offset = 0
        for (site, rank, scale) in sites.sorted(by: { $0.site < $1.site }) {
            let inputs = shape.inputs(of: site.module)
            let outputs = shape.outputs(of: site.module)
            entries.append(
                Entry(
                    site: site, rank: rank, scale: scale, inputs: inputs, outputs: outputs,
                    offsetA: offset, offsetB: offset + rank * inputs))
            offset += rank * (inputs + outputs)
        }
        self.entries = entries
        count = offset
        index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.site, $0) })
    }

    /// Largest rank of a matrix that is trained here or taken from elsewhere: the product of A and B can have no larger
    /// one than the matrix itself. 64 at the least, which fits any base and costs nothing.
    static func rankLimit(inputs: Int, outputs: Int) -> Int { max(64, min(inputs, outputs)) }

    /// Passes if no matrix has a larger rank than it can use.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-015.
    package func checkRanks() throws(AdapterError) {
        for entry in entries where entry.rank > entry.rankLimit { throw .rank(entry) }
    }

    /// The layout of a configuration: the same rank and scale everywhere, but for matrices that cannot use so large a rank.
    package init(shape: BaseShape, configuration: LoRAConfiguration) {
        self.init(
            shape: shape,
            sites: configuration.layers.flatMap { layer in
                configuration.modules.map { module in
                    let limit = Self.rankLimit(inputs: shape.inputs(of: module), outputs: shape.outputs(of: module))
                    return (
                        LoRASite(layer: layer, module: module), min(configuration.rank, limit), configuration.scale
                    )
                }
            })
    }

    package subscript(site: LoRASite) -> Entry? { index[site].map { entries[$0] } }
}

extension AdapterError {
    /// E-ADAPTER-015: a rank that its matrix cannot use.
    static func rank(_ entry: LoRALayout.Entry) -> Self {
        Self(
            .rank,
            "\(entry.site) has rank \(entry.rank), and a matrix of \(entry.outputs)×\(entry.inputs) uses \(entry.rankLimit) "
                + "at most",
            remedy: "Train it again with a smaller rank for that matrix; nothing that it can say is lost.")
    }
}

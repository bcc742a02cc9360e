// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneKit
import AttuneVault
import Foundation

/// A version of an adapter as `--json` and the tables show it.
struct AdapterSummary: Encodable {
    let name: String
    let version: Int
    let id: String
    let base: String
    let baseId: String
    let basePresent: Bool
    let rank: Int
    let alpha: Float
    let modules: [String]
    let layers: Int
    let bytes: Int
    let lossBefore: Double?
    let lossAfter: Double?
    let perplexity: Double?
    let created: Date
    let run: RunID?
    let labels: [String]
    let head: Bool
    /// False while the bytes are on other devices only.
    let here: Bool

    init(_ record: VersionRecord, bases: [BaseRecord]) throws {
        let manifest = try Workspace.manifest(of: record)
        name = record.adapter
        version = record.number
        id = record.id.description
        base = manifest.base.name
        baseId = manifest.base.id.description
        basePresent = bases.contains { $0.id == manifest.base.id }
        rank = manifest.configuration.rank
        alpha = manifest.configuration.alpha
        modules = manifest.configuration.modules.map(\.projectionName)
        layers = manifest.configuration.layers.count
        bytes = record.storedSize
        lossBefore = record.lossBefore
        lossAfter = record.lossAfter
        // JSON has no number for what is not finite.
        perplexity = record.lossAfter.map { exp($0) }.flatMap { $0.isFinite ? $0 : nil }
        created = record.created
        run = record.run
        labels = record.labels
        head = record.isHead
        here = record.state == .here || record.state == .arrived
    }

    /// `7.2 (-31%)`: perplexity on held-out text, and the change from the base.
    var perplexityText: String {
        guard let lossAfter else { return "-" }
        let now = exp(lossAfter)
        guard let lossBefore else { return String(format: "%.2f", now) }
        return String(format: "%.2f (%+.0f%%)", now, (now / exp(lossBefore) - 1) * 100)
    }

    static let header = ["NAME", "VERSION", "BASE", "RANK", "SIZE", "VAL-PPL", "TRAINED", "STATE"]

    var row: [String] {
        var state = labels
        if head { state.insert("live", at: 0) }
        if !here { state.append("not fetched") }
        if !basePresent { state.append("base missing here") }
        return [
            name, "@\(version)", base, String(rank), Quantity.text(bytes: bytes), perplexityText, Format.ago(created),
            state.joined(separator: ", "),
        ]
    }
}

/// `attune adapters list --json` and `versions --json`
struct AdapterListing: Encodable {
    let schema = 1
    let adapters: [AdapterSummary]
}

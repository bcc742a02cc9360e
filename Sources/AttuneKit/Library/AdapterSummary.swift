// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneVault
import Foundation

/// A version of an adapter in a line: what it is, how good, and where it stands.
package struct AdapterSummary: Sendable, Encodable {
    package let name: String
    package let version: Int
    let id: String
    /// The base's name.
    package let base: String
    let baseId: String
    package let basePresent: Bool
    package let rank: Int
    let alpha: Float
    let modules: [String]
    let layers: Int
    /// As they are stored and sent.
    package let bytes: Int
    let lossBefore: Double?
    let lossAfter: Double?
    let perplexity: Double?
    package let created: Date
    let run: RunID?
    package let labels: [String]
    /// Whether the adapter's name points at it.
    package let head: Bool
    /// False while the bytes are on other devices only.
    package let here: Bool

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

    /// `notes@3`
    package var reference: String { "\(name)@\(version)" }

    /// `7.2 (-31%)`: perplexity on held-out text, and the change from the base.
    package var perplexityText: String {
        guard let lossAfter else { return "-" }
        let now = exp(lossAfter)
        guard let lossBefore else { return String(format: "%.2f", now) }
        return String(format: "%.2f (%+.0f%%)", now, (now / exp(lossBefore) - 1) * 100)
    }
}

/// A version and how it was trained.
package struct AdapterDetail: Sendable, Encodable {
    package let schema = 1
    let adapter: AdapterSummary
    let training: TrainingSummary?

    /// What a person reads of it, each with its label.
    package var facts: [(label: String, value: String)] {
        var facts: [(label: String, value: String)] = [
            ("adapter", "\(adapter.reference)\(adapter.head ? " (live)" : "")"), ("id", adapter.id),
            ("base", "\(adapter.base) (\(adapter.baseId.prefix(12)))\(adapter.basePresent ? "" : ", missing here")"),
            ("rank", "\(adapter.rank), alpha \(adapter.alpha)"),
            ("changes", "\(adapter.modules.joined(separator: ", ")) in \(adapter.layers) layers"),
            ("size", Quantity.text(bytes: adapter.bytes)), ("val-ppl", adapter.perplexityText),
        ]
        if let training {
            facts += [
                (
                    "trained on",
                    "\(training.documents) documents, \(Quantity.text(count: training.tokens)) tokens"
                ),
                (
                    "steps",
                    "\(training.steps), \(String(format: "%.2f", training.epochs)) epochs, seed \(training.seed)"
                ),
            ]
        }
        if let run = adapter.run { facts.append(("run", "\(run)")) }
        if !adapter.labels.isEmpty { facts.append(("labels", adapter.labels.joined(separator: ", "))) }
        return facts
    }
}

/// How two versions of one base differ.
package struct AdapterChange: Sendable, Encodable {
    let difference: AdapterDifference

    /// Writes all that was compared.
    package func encode(to encoder: any Encoder) throws { try difference.encode(to: encoder) }

    /// Settings that differ, one line each.
    package var settings: [String] { difference.settings.map { "\($0.name): \($0.before) → \($0.after)" } }

    /// Matrices that moved: their norms before and after, and the norm of the change.
    package var matrices: [(name: String, before: Double, after: Double, change: Double)] {
        difference.sites.filter { $0.change > 0 }.map { ($0.site.description, $0.before, $0.after, $0.change) }
    }

    /// How many matrices moved, and how many there are.
    package var counts: (changed: Int, all: Int) { (difference.changedSites, difference.sites.count) }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import AttuneVault
import Foundation

/// A run as `--json` and the tables show it.
struct RunSummary: Encodable {
    let id: RunID
    let adapter: String
    let state: String
    let step: Int
    let steps: Int
    let loss: Double?
    let validationLoss: Double?
    let checkpointStep: Int?
    let started: Date
    let version: String?

    init(_ run: RunRecord, vault: Vault) throws {
        id = run.id
        adapter = run.adapter
        state = run.state.rawValue
        let points = try vault.points(ofRun: run.id)
        step = max(run.step, points.map(\.step).max() ?? 0)
        steps = run.steps
        loss = points.last { $0.kind == .train }?.loss
        validationLoss = points.filter { $0.kind == .validation }.compactMap(\.loss).min()
        checkpointStep = run.checkpointStep
        started = run.started
        version = run.version?.description
    }

    var row: [String] {
        [
            "\(id)", adapter, state, "\(step)/\(steps)", loss.map(Format.loss) ?? "-",
            validationLoss.map(Format.loss) ?? "-", Format.ago(started),
        ]
    }
}

/// `attune runs list --json`
struct RunListing: Encodable {
    let schema = 1
    let runs: [RunSummary]
}

/// `attune runs show --json`
struct RunDetail: Encodable {
    struct Point: Encodable {
        let kind: String
        let step: Int
        let loss: Double?
        let rate: Double?
        let tokensPerSecond: Double?

        init(_ point: RunPoint) {
            kind = point.kind.rawValue
            step = point.step
            loss = point.loss
            rate = point.rate
            tokensPerSecond = point.tokensPerSecond
        }
    }

    let schema = 1
    let run: RunSummary
    let settings: RunSettings
    let points: [Point]
}

/// `attune runs compare --json`
struct RunComparison: Encodable {
    let schema = 1
    let runs: [RunSummary]
    let differences: [RunDifference]
}

/// A setting that two runs do not share.
struct RunDifference: Encodable {
    let setting: String
    let first: String
    let second: String

    /// Compares two configurations as they are stored, setting by setting.
    static func between(_ first: String, _ second: String) throws -> [RunDifference] {
        let left = try flat(first)
        let right = try flat(second)
        return Set(left.keys).union(right.keys).sorted().compactMap { key in
            let (old, new) = (left[key] ?? "-", right[key] ?? "-")
            return old == new ? nil : RunDifference(setting: key, first: old, second: new)
        }
    }

    private static func flat(_ text: String) throws -> [String: String] {
        var result: [String: String] = [:]
        func walk(_ value: Any, _ path: String) {
            if let object = value as? [String: Any] {
                for (key, child) in object { walk(child, path.isEmpty ? key : "\(path).\(key)") }
            } else {
                result[path] = "\(value)"
            }
        }
        walk(try JSONSerialization.jsonObject(with: Data(text.utf8)), "")
        return result
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTraining
import AttuneVault
import Foundation

/// A run in a line: where it stands and what it measured.
package struct RunSummary: Sendable, Encodable {
    package let id: RunID
    package let adapter: String
    package let state: String
    package let step: Int
    package let steps: Int
    /// The last loss in training, nats per token.
    package let loss: Double?
    /// The lowest loss on held-out text.
    package let validationLoss: Double?
    let checkpointStep: Int?
    package let started: Date
    let version: String?

    init(_ run: RunRecord, points: [RunPoint]) {
        id = run.id
        adapter = run.adapter
        state = run.state.rawValue
        // What was done after the saved state is done again when the run goes on.
        step = run.state == .running ? max(run.step, points.last?.step ?? 0) : run.step
        steps = run.steps
        loss = points.last { $0.kind == .train }?.loss
        validationLoss = points.filter { $0.kind == .validation }.compactMap(\.loss).min()
        checkpointStep = run.checkpointStep
        started = run.started
        version = run.version?.description
    }
}

/// A run with its settings and its curve.
package struct RunDetail: Sendable, Encodable {
    package struct Point: Sendable, Encodable {
        let kind: String
        package let step: Int
        /// Nats per token; nil if it was not finite.
        package let loss: Double?
        let rate: Double?
        let tokensPerSecond: Double?
        /// Whether it was measured on held-out text.
        package let isValidation: Bool

        private enum CodingKeys: CodingKey { case kind, step, loss, rate, tokensPerSecond }

        init(_ point: RunPoint) {
            kind = point.kind.rawValue
            step = point.step
            loss = point.loss
            rate = point.rate
            tokensPerSecond = point.tokensPerSecond
            isValidation = point.kind == .validation
        }
    }

    package let schema = 1
    let run: RunSummary
    let settings: RunSettings
    package let points: [Point]
    /// What it is and where it stands.
    package let title: String
    /// Why it failed, or another remark.
    package let remark: String?
    package let settingsLine: String
    package let curves: [RunCurveLine]

    private enum CodingKeys: CodingKey { case schema, run, settings, points }

    init(_ run: RunRecord, points: [RunPoint]) throws {
        self.run = RunSummary(run, points: points)
        settings = try RunSettings(decoding: run.configuration)
        self.points = points.map(Point.init)
        title = "run \(run.id)  \(run.adapter)  \(run.state.rawValue)  step \(self.run.step)/\(run.steps)"
        remark = run.detail
        let training = settings.training
        settingsLine =
            "base \(settings.baseName), rank \(training.lora.rank), lr \(training.learningRate), "
            + "\(training.epochs) epochs, seed \(training.seed), data \(run.data.short)"
        curves = RunCurveLine.lines(of: points, named: "\(run.id)")
    }
}

/// The losses of a run on one part of its data, to be drawn.
package struct RunCurveLine: Sendable {
    /// The run's id, and `loss` or `validation`.
    package let name: String
    package let points: [(step: Double, loss: Double)]

    static func lines(of points: [RunPoint], named name: String) -> [RunCurveLine] {
        [(RunPoint.Kind.train, "loss"), (.validation, "validation")].compactMap { kind, label in
            let line = points.filter { $0.kind == kind }
                .compactMap { point in point.loss.map { (step: Double(point.step), loss: $0) } }
            return line.isEmpty ? nil : RunCurveLine(name: "\(name) \(label)", points: line)
        }
    }
}

/// Two runs side by side.
package struct RunComparison: Sendable, Encodable {
    /// A setting that the runs do not share.
    package struct Difference: Sendable, Encodable {
        package let setting: String
        package let first: String
        package let second: String
    }

    package let schema = 1
    package let runs: [RunSummary]
    package let differences: [Difference]
    package let curves: [RunCurveLine]

    private enum CodingKeys: CodingKey { case schema, runs, differences }

    init(_ first: (run: RunRecord, points: [RunPoint]), _ second: (run: RunRecord, points: [RunPoint])) throws {
        let both = [first, second]
        runs = both.map { RunSummary($0.run, points: $0.points) }
        curves = both.flatMap { RunCurveLine.lines(of: $0.points, named: "\($0.run.id)") }
        // Two configurations as they are stored, setting by setting.
        let (left, right) = (try Self.flat(first.run.configuration), try Self.flat(second.run.configuration))
        differences = Set(left.keys).union(right.keys).sorted().compactMap { key in
            let (old, new) = (left[key] ?? "-", right[key] ?? "-")
            return old == new ? nil : Difference(setting: key, first: old, second: new)
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

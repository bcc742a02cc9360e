// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// A setting of a run that a person may choose: where it stands, what it is called, and how it is chosen otherwise.
package struct TrainingSetting<Value: Sendable>: Sendable {
    package typealias Path = any WritableKeyPath<TrainingConfiguration, Value> & Sendable

    let path: Path
    /// The name in reasons and errors.
    let name: String
    /// The option of `attune train`, without dashes.
    let flag: String
    private let rule: String
    private let holds: @Sendable (Value) -> Bool
    private let usual: (@Sendable (AutoChooser) -> Value)?
    private let reason: (@Sendable (AutoChooser) -> String)?
    private let text: @Sendable (Value) -> String

    /// - Parameters:
    ///   - rule: what `holds` asks of a value, said after the name.
    ///   - usual: what is chosen from base, data and the settings before this one; nil is what a configuration begins
    ///     with.
    ///   - reason: why, once all is chosen; nil if there is nothing to explain.
    init(
        _ path: Path, _ name: String, flag: String, rule: String = "",
        holds: @escaping @Sendable (Value) -> Bool = { _ in true },
        usual: (@Sendable (AutoChooser) -> Value)? = nil, reason: (@Sendable (AutoChooser) -> String)? = nil,
        text: @escaping @Sendable (Value) -> String = { "\($0)" }
    ) {
        self.path = path
        self.name = name
        self.flag = flag
        self.rule = rule
        self.holds = holds
        self.usual = usual
        self.reason = reason
        self.text = text
    }
}

/// What the table of settings does with each of them, whatever the type of its value.
protocol AnyTrainingSetting: Sendable {
    var name: String { get }
    var flag: String { get }

    /// Sets what nobody asked for.
    func choose(for chooser: inout AutoChooser)

    /// What was chosen and why; nil if there is nothing to explain.
    func explanation(by chooser: AutoChooser) -> AutoSettings.Reason?

    /// Takes a value of its type, or the word for one; false for a word that is none.
    func set(_ value: any Sendable, in configuration: inout TrainingConfiguration) -> Bool
    /// - Throws: `TrainingError` E-TRAIN-001 for a value that cannot be.
    func check(_ configuration: TrainingConfiguration) throws(TrainingError)
}

extension TrainingSetting: AnyTrainingSetting {
    func choose(for chooser: inout AutoChooser) {
        guard let usual, !chooser.wishes.include(self) else { return }
        chooser.configuration[keyPath: path] = usual(chooser)
    }

    func explanation(by chooser: AutoChooser) -> AutoSettings.Reason? {
        reason.map { reason in
            AutoSettings.Reason(
                setting: name, value: text(chooser.configuration[keyPath: path]),
                reason: chooser.wishes.include(self) ? "as you asked" : reason(chooser))
        }
    }

    func set(_ value: any Sendable, in configuration: inout TrainingConfiguration) -> Bool {
        if let value = value as? Value {
            configuration[keyPath: path] = value
            return true
        }
        guard let word = value as? String, let kind = Value.self as? any RawRepresentable<String>.Type else {
            preconditionFailure("\(value) is no \(Value.self), as \(name) is")
        }
        guard let value = kind.init(rawValue: word) as? Value else { return false }
        configuration[keyPath: path] = value
        return true
    }

    func check(_ configuration: TrainingConfiguration) throws(TrainingError) {
        guard holds(configuration[keyPath: path]) else { throw .setting(name, rule) }
    }
}

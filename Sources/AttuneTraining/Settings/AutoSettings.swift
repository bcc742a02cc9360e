// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

/// Settings for a run, chosen from the size of the data and the memory wherever nobody chose them.
package struct AutoSettings: Sendable {
    /// What a person asked for, by the names of the table of settings; nil leaves the choice to Attune.
    @dynamicMemberLookup
    package struct Wishes: Sendable {
        /// What was asked for, and otherwise what a configuration begins with.
        private(set) var configuration = Self.none
        private var names: Set<String> = []
        /// Nothing that is chosen from base and data is too large here for something else that was asked for.
        private static let none = TrainingConfiguration(
            lora: LoRAConfiguration(rank: 1, alpha: 1, layers: [0]), epochs: 1, learningRate: 1, maxLength: 8, batch: 1)

        package init() {}

        package subscript<Value>(dynamicMember setting: KeyPath<TrainingSettings, TrainingSetting<Value>>) -> Value? {
            get {
                let setting = TrainingSettings.table[keyPath: setting]
                return include(setting) ? configuration[keyPath: setting.path] : nil
            }
            set {
                let setting = TrainingSettings.table[keyPath: setting]
                configuration[keyPath: setting.path] = newValue ?? Self.none[keyPath: setting.path]
                if newValue == nil { names.remove(setting.name) } else { names.insert(setting.name) }
            }
        }

        /// Asks for the setting of an option by the option's name.
        ///
        /// - Parameter value: of the setting's type, or as text for one that has a word for each value; nil leaves it.
        /// - Returns: false for a word that is none.
        package mutating func ask(_ flag: String, for value: (any Sendable)?) -> Bool {
            guard let setting = TrainingSettings.table.all.first(where: { $0.flag == flag }) else {
                preconditionFailure("there is no setting \(flag)")
            }
            guard let value else { return true }
            guard setting.set(value, in: &configuration) else { return false }
            names.insert(setting.name)
            return true
        }

        func include(_ setting: some AnyTrainingSetting) -> Bool { names.contains(setting.name) }
    }

    /// The sizes of the data, all of them in tokens but `examples`.
    package struct DataSize: Codable, Hashable, Sendable {
        package let examples: Int
        package let tokens: Int
        /// Tokens that are learned.
        package let targets: Int
        /// Length of the longest example, and the length that nine of ten do not exceed.
        package let longest: Int
        package let usual: Int

        package init(examples: Int, tokens: Int, targets: Int, longest: Int, usual: Int) {
            self.examples = examples
            self.tokens = tokens
            self.targets = targets
            self.longest = longest
            self.usual = usual
        }

        package init(_ examples: [Example]) {
            let lengths = examples.map(\.tokens.count).sorted()
            self.init(
                examples: examples.count, tokens: lengths.reduce(0, +),
                targets: examples.reduce(0) { $0 + $1.targetCount }, longest: lengths.last ?? 0,
                usual: lengths.isEmpty ? 0 : lengths[min(lengths.count - 1, lengths.count * 9 / 10)])
        }
    }

    /// One setting, and why it is what it is.
    package struct Reason: Codable, Hashable, Sendable {
        package let setting: String
        package let value: String
        package let reason: String
    }

    package let configuration: TrainingConfiguration
    package let reasons: [Reason]
    /// What is asked of the base, so that the run fits.
    package let memory: MemoryUse

    /// Chooses what `wishes` leave open.
    ///
    /// Settings that a person chose are never changed; where the rest cannot be made to fit around them, the error
    /// says so and `MemoryPlan.fitting` says what would help.
    /// - Parameter adapters: how many are trained in the same passes.
    /// - Throws: `TrainingError` E-TRAIN-001 or E-TRAIN-005.
    package static func choose(
        model: BaseModel, data: DataSize, wishes: Wishes = Wishes(), machine: Machine, adapters: Int = 1
    ) throws(TrainingError) -> AutoSettings {
        try wishes.configuration.validate()
        var chooser = AutoChooser(model: model, data: data, wishes: wishes, machine: machine, adapters: adapters)
        try chooser.choose()
        let plan = try chooser.chooseForMemory()
        return AutoSettings(
            configuration: chooser.configuration, reasons: chooser.reasons, memory: plan.use(of: model))
    }
}

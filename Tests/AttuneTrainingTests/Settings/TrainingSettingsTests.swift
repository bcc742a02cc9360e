// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import Foundation
import Testing

@testable import AttuneTraining

/// The table of settings is whole, and a setting that is asked for reaches the run and what is stored of it.
@Suite struct TrainingSettingsTests {
    private let table = TrainingSettings.table

    @Test func everySettingIsChosenAndHasNamesOfItsOwn() {
        let flags = Mirror(reflecting: table).children.map { child in
            Mirror(reflecting: child.value).descendant("flag") as? String ?? "none"
        }
        #expect(table.all.count == flags.count)
        #expect(Set(table.all.map(\.name)).count == flags.count)
        #expect(Set(flags).count == flags.count)
    }

    /// Asks for something that is neither a default nor what the data would give.
    private static let wishes: [(String, @Sendable (inout AutoSettings.Wishes) -> Void)] = [
        ("lora.rank", { $0.rank = 5 }), ("lora.alpha", { $0.alpha = 7 }),
        ("lora.rankStabilized", { $0.rankStabilized = true }), ("lora.dropout", { $0.dropout = 0.25 }),
        ("lora.modules", { $0.modules = [.query] }), ("lora.layers", { $0.layers = [1] }),
        ("maxLength", { $0.maxLength = 24 }), ("packing", { $0.packing = .wrapped }),
        ("epochs", { $0.epochs = 0.5 }), ("validationFraction", { $0.validationFraction = 0.3 }),
        ("evaluateEvery", { $0.evaluateEvery = 9 }), ("patience", { $0.patience = 8 }),
        ("accumulation", { $0.accumulation = 3 }), ("batch", { $0.batch = 2 }),
        ("learningRate", { $0.learningRate = 0.125 }), ("schedule", { $0.schedule = .constant }),
        ("warmupRatio", { $0.warmupRatio = 0.2 }), ("clip", { $0.clip = 0.5 }),
        ("weightDecay", { $0.weightDecay = 0.1 }), ("seed", { $0.seed = 7 }),
        ("optimizer", { $0.optimizer = .adamw8bit }), ("precision", { $0.precision = .float32 }),
        ("checkpointing", { $0.checkpointing = true }),
    ]

    private func stored(_ wishes: AutoSettings.Wishes) throws -> [String: String] {
        let data = AutoSettings.DataSize(examples: 9, tokens: 500, targets: 400, longest: 60, usual: 50)
        let settings = try AutoSettings.choose(
            model: TinyRun().model, data: data, wishes: wishes,
            machine: Machine(limits: MemoryLimits(available: 1 << 40), threads: 1, computesBFloat16: true))
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(settings.configuration))
        var values = try #require(json as? [String: Any])
        for (name, value) in try #require(values.removeValue(forKey: "lora") as? [String: Any]) {
            values["lora.\(name)"] = value
        }
        return values.mapValues { "\($0)" }
    }

    @Test func whatIsAskedForIsStoredAndChangesNothingElseButWhatFollows() throws {
        #expect(Self.wishes.count == table.all.count)
        let usual = try stored(AutoSettings.Wishes())
        // The scale stays 2, and layers that compute again are counted anew.
        let follows = ["lora.rank": ["lora.alpha"]]
        for (name, ask) in Self.wishes {
            var wishes = AutoSettings.Wishes()
            ask(&wishes)
            let changed = try stored(wishes)
            let differing = Set(usual.keys).union(changed.keys).filter { usual[$0] != changed[$0] }
            #expect(differing == Set([name] + (follows[name] ?? [])))
        }
    }

    @Test func aWishThatIsTakenBackIsNone() {
        var wishes = AutoSettings.Wishes()
        wishes.rank = 5
        #expect(wishes.rank == 5)
        wishes.rank = nil
        #expect(wishes.rank == nil)
        #expect(wishes.configuration == AutoSettings.Wishes().configuration)
    }

    @Test func aSettingIsAskedForByTheNameOfItsOption() {
        var wishes = AutoSettings.Wishes()
        let isRate = wishes.ask("lr", for: 0.5)
        #expect(isRate)
        #expect(wishes.learningRate == 0.5)
        let isShape = wishes.ask("schedule", for: "linear")
        #expect(isShape)
        #expect(wishes.schedule == .linear)
        let isOther = wishes.ask("schedule", for: "steep")
        #expect(!isOther, "a word that is no shape was taken")
        #expect(wishes.schedule == .linear)
        let isLeft = wishes.ask("rank", for: nil)
        #expect(isLeft)
        #expect(wishes.rank == nil)
    }
}

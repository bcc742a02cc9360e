// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneModel
import AttuneTensor

/// Finds the fastest way to run given settings within given memory.
///
/// What it decides changes no result, but for the order of sums: blocks that go through the model together, layers that
/// keep their activations, and weights that stay in memory. Speeds are estimated from the counts of operations (forward
/// 2N, gradients of inputs 2N, computing again 2N for each token), the cost of unpacking weights for each pass, and the
/// time to read the weights that do not stay.
struct MemoryChooser {
    let model: BaseModel
    let layout: LoRALayout
    let longest: Int
    let machine: Machine
    /// Adapters that are trained in the same passes.
    let adapters: Int
    /// Whether activations are computed again, where a person said so.
    var checkpointing: Bool?

    /// Settings, how they use memory, and what a token costs relative to the fastest way.
    struct Choice {
        let configuration: TrainingConfiguration
        let plan: MemoryPlan
        let cost: Double
    }

    init(
        model: BaseModel, configuration: TrainingConfiguration, layout: LoRALayout? = nil, longest: Int,
        machine: Machine, adapters: Int = 1, checkpointing: Bool? = nil
    ) {
        self.model = model
        self.layout = layout ?? LoRALayout(shape: model.shape, configuration: configuration.lora)
        self.longest = max(1, min(longest, configuration.maxLength))
        self.machine = machine
        self.adapters = adapters
        self.checkpointing = checkpointing
    }

    /// The fastest way that fits, or the smallest where none does.
    ///
    /// Without a limit of the person's half of what is free is left to others, and weights stay mapped, while that works.
    /// - Parameter fixedPasses: keeps the blocks of a pass as they are, so that a run goes on with the same bytes.
    func fastest(_ configuration: TrainingConfiguration, fixedPasses: Bool = false) -> Choice {
        let limits = machine.limits
        let passes = fixedPasses ? [configuration.passBlocks] : passSizes(configuration)
        let windows = [model.residency.comfortable, model.residency.minimum]
        let budgets = limits.asked == nil ? [limits.available / 2, limits.available] : [limits.available]
        let attempts: [(budget: Int, windows: [Int?])] =
            limits.asked == nil
            ? budgets.map { ($0, [nil]) } + [(limits.available, windows)] : [(limits.available, [nil] + windows)]
        for (budget, windows) in attempts {
            let found = passes.flatMap { blocks in
                windows.compactMap { choice(configuration, blocks: blocks, window: $0, budget: budget) }
            }
            if let best = found.min(by: { $0.cost < $1.cost }) { return best }
        }
        return smallest(configuration, blocks: fixedPasses ? configuration.passBlocks : 1)
    }

    /// The way that takes the least memory.
    func smallest(_ configuration: TrainingConfiguration, blocks: Int = 1) -> Choice {
        let configuration = set(configuration, blocks: blocks, kept: checkpointing == false ? nil : 1)
        let limits = machine.limits
        let window = limits.asked == nil && model.file.totalBytes < limits.free ? nil : model.residency.minimum
        let plan = plan(configuration, window: window)
        return Choice(configuration: configuration, plan: plan, cost: cost(configuration, plan))
    }

    func plan(_ configuration: TrainingConfiguration, window: Int?) -> MemoryPlan {
        MemoryPlan(
            model: model, layout: layout, configuration: configuration, longest: longest, adapters: adapters,
            machine: machine, residentWeights: window)
    }

    /// As many layers as fit keep their activations.
    private func choice(
        _ configuration: TrainingConfiguration, blocks: Int, window: Int?, budget: Int
    ) -> Choice? {
        func attempt(_ kept: Int?) -> Choice? {
            let settings = set(configuration, blocks: blocks, kept: kept)
            let plan = plan(settings, window: window)
            guard plan.total <= budget else { return nil }
            return Choice(configuration: settings, plan: plan, cost: cost(settings, plan))
        }
        if checkpointing != true, let all = attempt(nil) { return all }
        guard checkpointing != false, var best = attempt(1) else { return nil }
        guard checkpointing == nil else { return best }
        var (low, high) = (1, max(1, adaptedLayers))
        while high - low > 1 {
            let middle = (low + high) / 2
            if let found = attempt(middle) { (best, low) = (found, middle) } else { high = middle }
        }
        return best
    }

    /// Layers from the lowest adapted one up.
    private var adaptedLayers: Int { model.shape.layers - (layout.entries.map(\.site.layer).min() ?? 0) }

    private func set(_ configuration: TrainingConfiguration, blocks: Int, kept: Int?) -> TrainingConfiguration {
        var settings = configuration
        settings.microBatch = blocks < configuration.batch ? blocks : nil
        settings.checkpointing = kept != nil
        settings.keptLayers = kept == 1 ? nil : kept
        return settings
    }

    /// Blocks of a pass that are worth trying: beyond 1024 tokens a pass gets larger and hardly faster.
    private func passSizes(_ configuration: TrainingConfiguration) -> [Int] {
        let most = max(1, min(configuration.batch, 1024 / longest))
        // As even as can be: of 5 blocks, 3 and 2 rather than 4 and 1.
        let sizes = (1...most).map {
            (configuration.batch + (configuration.batch - 1) / $0) / ((configuration.batch + $0 - 1) / $0)
        }
        return Set(sizes.map { min($0, most) }).sorted(by: >)
    }

    /// Work for a token, in units of a forward pass through one layer.
    private func cost(_ configuration: TrainingConfiguration, _ plan: MemoryPlan) -> Double {
        let layers = Double(model.shape.layers)
        let adapted = Double(adaptedLayers)
        let again = configuration.checkpointing ? adapted - Double(configuration.keptLayers ?? 1) : 0
        let compute = layers + adapted + max(0, again)
        let tokens = Double(configuration.passBlocks * longest)
        let unpacking = 1 + 38 / tokens
        // Per pass, the weights that do not stay are read on the way up and on the way down.
        let weights = Double(model.residency.total) / (layers + 1)
        let read = 2 * Double(max(0, model.residency.total - (plan.residentWeights ?? .max))) / weights
        let reading = read * Self.tokensWhileReading / tokens
        // With room for one layer alone, nothing is computed while the next one is read.
        let isAlone = plan.residentWeights.map { $0 < model.residency.comfortable } ?? false
        return isAlone ? compute * unpacking + reading : max(compute * unpacking, reading)
    }

    /// Tokens that a layer computes in the time in which it is read from a fast disk: at 5 bits a weight, 1 GB/s and
    /// 500 GFLOP/s, 0.625 ns against 4 ps.
    private static let tokensWhileReading = 156.0
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension TrainingError {
    /// E-TRAIN-001: a setting that cannot be.
    static func setting(_ name: String, _ reason: String) -> Self {
        Self(.setting, "\(name) \(reason)", remedy: "Change it, or leave it out to have it chosen.")
    }

    /// E-TRAIN-002: blocks without a single token to learn.
    static var nothingToLearn: Self {
        Self(.nothingToLearn, "the data has no token to learn from", remedy: "Run: attune data preview PATH")
    }

    /// E-TRAIN-002: wrapped documents that fill no row.
    static func fillsNoRow(tokens: Int, length: Int) -> Self {
        Self(
            .nothingToLearn, "the data has \(tokens) tokens, and a row of wrapped documents takes \(length)",
            remedy: "Add --packing documents, or a --max-len of at most \(max(2, tokens)).")
    }

    /// E-TRAIN-003: a saved run that is damaged.
    static func checkpoint(_ reason: String, cause: (any Error)? = nil) -> Self {
        Self(
            .checkpoint, "the saved state of the run cannot be read: \(reason)",
            remedy: "Start the run again: attune train PATH", cause: cause)
    }

    /// E-TRAIN-004: a saved run that is continued with something else than it began with.
    static func changed(_ what: String) -> Self {
        Self(
            .changed, "the run cannot be continued: \(what) changed since it was saved",
            remedy: "Restore it, or start a new run: attune train PATH")
    }

    /// E-TRAIN-005: more memory than there is.
    ///
    /// - Parameters:
    ///   - needed: the least that it takes.
    ///   - flags: the cheapest change that makes it fit; empty if nothing does.
    static func doesNotFit(needed: Int, limits: MemoryLimits, flags: String = "") -> Self {
        let available = Quantity.text(bytes: limits.available)
        let isAsked = limits.asked.map { $0 <= limits.free } ?? false
        return Self(
            .doesNotFit,
            "training needs at least \(Quantity.text(bytes: needed)), and "
                + (isAsked ? "--memory-limit allows \(available)" : "\(available) are free"),
            remedy: flags.isEmpty
                ? "Close other programs, or use a smaller base with --base." : "It fits with \(flags)")
    }

    /// E-TRAIN-006: the numbers ran away; `rate` is the highest learning rate of the run.
    static func diverged(step: Int, rate: Double) -> Self {
        Self(
            .diverged, "the loss stopped being a number at step \(step); the last good state was kept",
            remedy: "Train again with a lower learning rate: --\(TrainingSettings.table.learningRate.flag) "
                + Self.short(rate / 4))
    }

    /// E-TRAIN-007: a token id that the base does not have.
    static func token(_ id: Int32, vocabulary: Int) -> Self {
        Self(
            .token, "token \(id) is outside of the vocabulary of \(vocabulary)",
            remedy: "Prepare the data again with this base.")
    }

    /// E-TRAIN-008: an adapter of another base.
    static func otherBase(_ name: String) -> Self {
        Self(.otherBase, "the adapter belongs to another base, \(name)", remedy: "Choose its base with --base.")
    }

    private static func short(_ value: Double) -> String {
        let power = 10.0.raised(to: 1 - value.magnitude.exponentOfTen)
        return "\((value * power).rounded() / power)"
    }
}

extension Double {
    /// ⌊log₁₀ x⌋ for a normal x, else 0.
    fileprivate var exponentOfTen: Int {
        guard isNormal else { return 0 }
        var exponent = 0
        var value = magnitude
        while value >= 10 {
            value /= 10
            exponent += 1
        }
        while value < 1 {
            value *= 10
            exponent -= 1
        }
        return exponent
    }

    fileprivate func raised(to power: Int) -> Double {
        (0..<abs(power)).reduce(1) { result, _ in power < 0 ? result / self : result * self }
    }
}

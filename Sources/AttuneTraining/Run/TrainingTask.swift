// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// What a trainer is to make one adapter of.
package struct TrainingTask: Sendable {
    package let configuration: TrainingConfiguration
    /// Blocks to learn from; those without a counted token are left out.
    package let training: [Block]
    /// Blocks that only measure; may be empty, then the last version is kept.
    package let validation: [Block]
    /// Names the data, and is compared when a run is continued.
    package let dataDigest: String
    /// Adapter to go on from, whose sites, ranks and scales then hold; nil starts a new one.
    package let start: Adapter?
    /// State to continue from, made with the same base, configuration and data.
    package let checkpoint: Checkpoint?

    package init(
        configuration: TrainingConfiguration, training: [Block], validation: [Block], dataDigest: String,
        start: Adapter? = nil, checkpoint: Checkpoint? = nil
    ) {
        self.configuration = configuration
        self.training = training
        self.validation = validation
        self.dataDigest = dataDigest
        self.start = start
        self.checkpoint = checkpoint
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTraining
import AttuneVault
import Foundation

/// Whether the hidden states below the adapted layers are kept on disk while a session runs.
package struct TrunkPlan: Codable, Hashable, Sendable {
    /// Layers that are computed once for each block.
    package let layers: Int
    /// What their states take on disk.
    package let bytes: Int
    /// Why they are not kept; nil where they are.
    package let reason: String?

    /// The most that is taken where nobody says otherwise; never more than half of what is free.
    private static let usualLimit = 16 << 30

    /// Gives the trainer a sealed file in `folder`, if the states fit into it; nil where there is nothing to keep.
    ///
    /// - Parameter limit: most bytes; nil takes the usual ones, 0 keeps nothing.
    init?(_ trainer: Trainer, folder: String, limit: Int?) {
        let records = trainer.trunkRecords
        guard !records.isEmpty, limit != 0 else { return nil }
        layers = trainer.lowestAdaptedLayer
        bytes = records.reduce(0) { $0 + SealedSpool.size(ofRecord: $1) }
        let free = Vault.freeBytes(at: folder)
        let allowed = min(limit ?? min(Self.usualLimit, free / 2), free)
        guard bytes <= allowed else {
            reason = bytes > free ? "the disk has \(free >> 20) MiB free" : "they may take \(allowed >> 20) MiB"
            return
        }
        do {
            trainer.keepTrunk(in: try SealedSpool(folder: folder, limit: bytes))
            reason = nil
        } catch {
            reason = (error as? CryptoError)?.message ?? "\(error)"
        }
    }
}

extension SealedSpool: TrunkStore {}

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
    /// Why they are not kept; nil if they are.
    package let reason: String?

    /// The most that is taken where nobody says otherwise; never more than half of what is free.
    private static let usualLimit = 16 << 30

    private init(layers: Int, bytes: Int, reason: String?) {
        self.layers = layers
        self.bytes = bytes
        self.reason = reason
    }

    /// Plans for the blocks of a trainer; nil if there is nothing to keep.
    ///
    /// - Parameters:
    ///   - free: bytes that the disk has.
    ///   - limit: most bytes; nil takes the usual ones, 0 keeps nothing.
    init?(_ trainer: Trainer, free: Int, limit: Int?) {
        let records = trainer.trunkRecords
        guard !records.isEmpty, limit != 0 else { return nil }
        let bytes = records.reduce(0) { $0 + SealedSpool.size(ofRecord: $1) }
        let allowed = min(limit ?? min(Self.usualLimit, free / 2), free)
        let reason =
            bytes > free
            ? "the disk has \(Quantity.text(bytes: free, rounded: .down)) free"
            : "they may take \(Quantity.text(bytes: allowed, rounded: .down))"
        self.init(layers: trainer.lowestAdaptedLayer, bytes: bytes, reason: bytes <= allowed ? nil : reason)
    }

    /// Gives the trainer a sealed file in `folder` if that is the plan.
    ///
    /// - Returns: the plan, which says why if the file cannot be made.
    func applied(to trainer: Trainer, in folder: String) -> TrunkPlan {
        guard reason == nil else { return self }
        do {
            trainer.keepTrunk(in: try SealedSpool(folder: folder, limit: bytes))
            return self
        } catch {
            return TrunkPlan(layers: layers, bytes: bytes, reason: (error as? CryptoError)?.message ?? "\(error)")
        }
    }
}

extension SealedSpool: TrunkStore {}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneVault

extension KitError {
    static func noSuchLayer(_ layer: Int, of count: Int) -> KitError {
        KitError(
            .noSuchLayer, "the base has \(count) layers, numbered from 0; \(layer) is too many",
            remedy: "Say which: --layers last:\(count / 2), --layers 0-\(count - 1) or --layers all")
    }

    static func notResumable(_ run: RunRecord) -> KitError {
        KitError(
            .notResumable, "run \(run.id) is \(run.state.rawValue)",
            remedy: "Only interrupted and failed runs go on: attune runs list")
    }

    static func noCheckpoint(_ run: RunID) -> KitError {
        KitError(
            .noCheckpoint, "run \(run) has no saved state to accept", remedy: "Go on with it: attune runs resume \(run)"
        )
    }

    static func runsApart(_ ids: [RunID]) -> KitError {
        KitError(
            .runsApart,
            "runs \(ids.map(\.description).joined(separator: ", ")) cannot go on together: they need different adapters, "
                + "and the same base and precision",
            remedy: "Go on with one after the other: attune runs resume \(ids.first?.description ?? "ID")")
    }
}

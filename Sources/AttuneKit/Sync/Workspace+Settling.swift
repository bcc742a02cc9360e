// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync
import AttuneWire

extension Workspace {
    /// What about the circle's logs is open here, the oldest first.
    ///
    /// - Throws: `CircleError` E-DEVICE-001.
    package func openDoubts() throws -> [SyncStatus.Doubt] {
        let circle = try DeviceCircle.require(vault)
        return try doubts(VaultSyncStore(vault), listings(of: circle)).map(\.doubt)
    }

    /// Settles these doubts: a person has looked at them. Names that they held up move.
    ///
    /// - Returns: how many were open.
    /// - Throws: `CircleError` E-DEVICE-001.
    @discardableResult
    package func settle(_ doubts: [SyncStatus.Doubt]) throws -> Int {
        let circle = try DeviceCircle.require(vault)
        let store = try VaultSyncStore(vault)
        let meant = try self.doubts(store, listings(of: circle)).filter { doubts.contains($0.doubt) }
        try store.settle(Set(meant.map(\.suspicion)))
        for (_, doubt) in meant {
            try store.append(SyncLogLine(level: .info, remote: doubt.remote, text: "settled: \(doubt.sentence)"))
        }
        return meant.count
    }
}

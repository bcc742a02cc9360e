// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneSync
import AttuneVault
import AttuneWire

/// What of the store decides whether there is something to sync.
struct LocalState: Sendable {
    /// How to sync; what sync itself sets is left out: the clock's difference, and which links were told.
    let settings: SyncSettings
    /// The newest change that was not published yet.
    private let draft: Int64?
    private let links: UInt64
    private let wanted: Int

    /// - Throws: `VaultError` E-VAULT-051 if the store is in no circle.
    init(_ vault: Vault) throws {
        let store = try VaultSyncStore(vault)
        var settings = try store.settings()
        settings.clockOffset = 0
        settings.linksTold = nil
        self.settings = settings
        draft = try vault.events.newestDraft()
        links = try vault.circle.linkCount()
        wanted = try store.wantedChunks(limit: WireLimits.chunkIDsPerQuery).count
    }

    /// Whether there is something to do that was not there before.
    func asksMore(than before: LocalState) -> Bool {
        draft ?? 0 > before.draft ?? 0 || links != before.links || wanted > before.wanted
    }
}

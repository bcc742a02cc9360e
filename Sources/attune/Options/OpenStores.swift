// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneVault
import Synchronization

/// The stores that a command has open. They are closed with its end, however it ends, so that the database is whole in
/// its one file and the log is empty.
enum OpenStores {
    private static let vaults = Mutex<[Vault]>([])

    static func add(_ vault: Vault) { vaults.withLock { $0.append(vault) } }

    /// Closes all of them and says what did not go as it should; what was stored is stored all the same.
    static func close(_ console: Console) {
        let open = vaults.withLock { vaults in
            defer { vaults = [] }
            return vaults
        }
        for vault in open {
            do { try vault.close() } catch { console.note("\(error)") }
            for remark in vault.remarks { console.note("\(remark)") }
        }
    }
}

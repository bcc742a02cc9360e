// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import Synchronization

/// The stores that a command has open. They are closed with its end, however it ends, so that the database is whole in
/// its one file and the log is empty.
enum OpenStores {
    private static let workspaces = Mutex<[Workspace]>([])

    static func add(_ workspace: Workspace) { workspaces.withLock { $0.append(workspace) } }

    /// Closes all of them and says what did not go as it should; what was stored is stored all the same.
    static func close(_ console: Console) {
        let open = workspaces.withLock { workspaces in
            defer { workspaces = [] }
            return workspaces
        }
        for workspace in open {
            do { try workspace.close() } catch { console.note("\(error)") }
            for remark in workspace.remarks { console.note("\(remark)") }
        }
    }
}

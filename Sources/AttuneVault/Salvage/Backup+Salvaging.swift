// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension Backup {
    /// Makes a store at `path` of what is whole of a damaged state: every row of every page of its database that opens,
    /// and every version whose chunks are there and right.
    ///
    /// - Parameters: as for `restore`.
    /// - Returns: what was saved and what was not.
    /// - Throws: as `restore`; E-BACKUP-004 if no page of the state's database opens.
    package func salvage(
        to path: String, state wanted: Int? = nil, progress: (BackupProgress) -> Void = { _ in }
    ) throws -> SalvageReport {
        let number = try number(wanted)
        progress(BackupProgress(what: "opening pages", done: 0, total: 0))
        guard let pages = try? SalvagedPages(folder.state(number), vaultKey: key) else {
            let what = BackupDamage("states/\(number)/attune.db", "no page of it opens")
            throw damaged(number, [what.line], canBeSaved: false, progress)
        }
        let salvage = StoreSalvage(
            source: folder.state(number), pages: pages, keyFile: keyFile, now: now, remark: Self.remark(number))
        return try salvage.run(to: path, key: key, progress)
    }
}

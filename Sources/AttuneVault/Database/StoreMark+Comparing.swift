// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

extension StoreMark {
    /// Compares what was found with the mark, which has to be read before the database: a commit of another process
    /// between the two would put it ahead.
    ///
    /// - Parameter positions: what the database remembers, newest first.
    /// - Throws: `VaultError` E-VAULT-005 naming the file that is not the store's newest.
    func compare(_ reading: Reading, with positions: [StorePosition]) throws {
        switch reading {
        case .absent:
            // A store of before has no mark; one that counts its changes was given a mark before the first.
            if !positions.isEmpty {
                throw VaultError.notNewest("attune.mark is missing, which tells if anything else is")
            }
        case .damaged: throw VaultError.notNewest("attune.mark was changed, or is the mark of another store")
        case .content(let content):
            if let position = content.position { try Self.compare(position, with: positions, log: folder.databaseLog) }
            try requireKeyFile(of: content)
        }
    }

    private static func compare(_ mark: StorePosition, with positions: [StorePosition], log: String) throws {
        let apart = VaultError.notNewest(
            "attune.db is from a copy of this store that was used apart from it; the newest change here is of "
                + day(mark.changed))
        guard let newest = positions.first else { throw older(mark, than: nil, log: log) }
        guard let same = positions.first(where: { $0.stretch == mark.stretch }) else {
            throw newest.precedes(mark) ? older(mark, than: newest, log: log) : apart
        }
        guard same.writer == mark.writer else { throw apart }
        if same.commits < mark.commits { throw same == newest ? older(mark, than: newest, log: log) : apart }
    }

    private static func older(_ mark: StorePosition, than newest: StorePosition?, log: String) -> VaultError {
        let known = newest.map { "ends with a change of \(day($0.changed))" } ?? "knows of no change"
        let cause =
            DurableFile.size(log) > 0
            ? "attune.db or its log attune.db-wal is an earlier copy, or the log was cut"
            : "attune.db is an earlier copy, or its log attune.db-wal was lost"
        return VaultError.notNewest(
            "the database \(known), and the newest change of the store was on \(day(mark.changed)): \(cause)")
    }

    private func requireKeyFile(of content: Content) throws {
        let known = [content.keyFile, content.nextKeyFile].compactMap { $0 }
        guard !known.isEmpty else { return }
        for path in [folder.keyFile, folder.oldKeyFile] {
            if let digest = try Self.keyFileDigest(path), known.contains(digest) { return }
        }
        throw VaultError.notNewest(
            "vault.key is an earlier copy: it opens with a passphrase and recovery words of before")
    }

    /// Such as `2026-11-29 22:31:07 UTC`.
    static func day(_ milliseconds: Int64) -> String {
        let text = Timestamp.date(milliseconds).formatted(.iso8601.dateTimeSeparator(.space))
        return "\(text.prefix(19)) UTC"
    }

    /// Makes the mark say what was found, once it was compared or a person takes it as it is.
    ///
    /// - Parameter accepting: true if the mark is to follow the database back.
    func settle(on positions: [StorePosition], found reading: Reading, accepting: Bool) throws {
        let keyFile = try Self.keyFileDigest(folder.keyFile)
        guard case .content(let content) = reading else {
            return try create(Content(position: positions.first, keyFile: keyFile))
        }
        var settled = content
        if let newest = positions.first {
            if accepting || content.position?.precedes(newest) ?? true { settled.position = newest }
        } else if accepting {
            settled.position = nil
        }
        settled.keyFile = keyFile
        settled.nextKeyFile = nil
        guard settled != content else { return }
        try update(durably: accepting) { now in
            settled.turn = now.turn
            now = settled
        }
    }
}

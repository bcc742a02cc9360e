// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation
import GRDB

extension BackupWriter {
    /// Refuses a store that does not go on from the newest state: an earlier copy of it, or one that was used apart.
    func requireNewer() throws {
        for number in folder.numbers.reversed() {
            // What does not open says nothing of its time, and the state before it does.
            guard let position = position(of: number) else { continue }
            guard options.acceptsOlder || position.isPassed(by: positions) else {
                throw VaultError.olderThanBackup(folder.path, state: number, of: StoreMark.day(position.changed))
            }
            return
        }
    }

    /// The states with changes that this store does not have.
    func statesAhead() -> [Int] {
        folder.numbers.filter { $0 != number && position(of: $0)?.isPassed(by: positions) == false }
    }

    /// The newest change in the database of a state; nil if it counts none or does not open.
    private func position(of number: Int) -> StorePosition? {
        let path = folder.state(number).database
        guard let seal = try? SealedDatabase(path: path, vaultKey: vault.key, use: .fixed),
            let queue = try? DatabaseQueue(path: path, configuration: StoreDatabase.configuration(readonly: true))
        else { return nil }
        defer {
            try? queue.close()
            withExtendedLifetime(seal) {}
        }
        return try? queue.read { try StorePosition.remembered($0).first }
    }
}

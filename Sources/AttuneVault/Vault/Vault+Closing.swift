// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import GRDB
import Synchronization

extension Vault {
    /// Ends all connections and gives the lock back; any later call throws. A second call does nothing.
    ///
    /// As a writer it first brings the log's changes into `attune.db` and empties the log, so that the one file is the
    /// whole database. Where that cannot be, the log keeps them, nothing is lost, and `remarks` says why.
    package func close() throws {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        if mode == .writing {
            emptyLog()
            // Only a power cut would set the mark back, to a place that the database is beyond.
            try? mark.sync()
            StoreReserve.fill(folder)
        }
        try translating { try database.close() }
        lock.release()
    }

    /// What lost nothing and still has to be said: changes that could not be brought into `attune.db`, a mark that
    /// could not be written. E-VAULT-011 each.
    package var remarks: [VaultError] {
        emptied.withLock { $0.failure.map { [$0] } ?? [] } + (mark.failure.map { [VaultError.unmarked($0)] } ?? [])
    }

    /// Gives the writers' lock back while this process only waits, so that another one can write.
    ///
    /// The next change takes it again, waiting up to 2 s; a transaction under way keeps it until its end. A process that
    /// goes on for long empties the log here, every ten seconds at most.
    package func yieldLock() {
        if mode == .writing, lock.isHeld, let newest = mark.newest,
            emptied.withLock({ $0.position != newest && .now - $0.time > Self.emptyingInterval })
        {
            emptyLog()
        }
        lock.release()
    }

    /// Whether another process is changing the store now, or is about to.
    package var isChangedElsewhere: Bool { lock.isHeldElsewhere }

    private static let emptyingInterval = Duration.seconds(10)

    /// What became of the log when it was last emptied.
    struct Emptied {
        /// The newest change of this process that was in it.
        var position: StorePosition?
        var time = ContinuousClock.now
        var failure: VaultError?
    }

    /// Moves what is in the log to the database and empties the log, unless a reader elsewhere still needs it.
    func emptyLog() {
        var result = Emptied(position: mark.newest)
        do {
            try database.writeWithoutTransaction { try StoreDatabase.emptyLog($0) }
        } catch {
            let isFull = DurableFile.isDiskFull(probing: folder.staging + "/probe")
            result.failure = VaultError.unsettled(isFull: isFull, cause: (error as? DatabaseError)?.answer() ?? error)
        }
        let found = result
        emptied.withLock { $0 = found }
    }
}

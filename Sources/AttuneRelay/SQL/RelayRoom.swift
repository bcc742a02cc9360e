// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import Synchronization

/// The room of a whole relay: the bytes of all circles together, and the space that stays free on its disk.
///
/// Both are looked up every second at most; what is taken in between is added, so a relay of several nodes may go over
/// its limit by what they take within a second.
final class RelayRoom: Sendable {
    private struct State {
        var used: UInt64 = 0
        var free = UInt64.max
        var looked: ContinuousClock.Instant?
    }
    private let database: any RelayDatabase
    private let totalBytes: UInt64?
    private let reserve: UInt64
    private let folder: String?
    private let state = Mutex(State())

    /// - Parameter folder: on the disk that has to keep free space; nil if a database server sees to that.
    init(database: any RelayDatabase, rules: RetentionRules, folder: String?) {
        self.database = database
        totalBytes = rules.totalBytes
        reserve = rules.freeBytes
        self.folder = folder
    }

    /// - Throws: `RelayError.relayFull`, `RelayError.diskFull`.
    func require(_ bytes: Int) async throws {
        let isOld = state.withLock { $0.looked.map { ContinuousClock.now - $0 > .seconds(1) } ?? true }
        if isOld { try await look() }
        let more = UInt64(max(0, bytes))
        let (used, free) = state.withLock { state in
            state.used += more
            return (state.used, state.free)
        }
        if let totalBytes, used > totalBytes { throw RelayError.relayFull }
        guard free > reserve else { throw RelayError.diskFull }
    }

    private func look() async throws {
        var used: UInt64 = 0
        if totalBytes != nil {
            used = try await database.read(nil) { session in
                UInt64(max(0, try session.number("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM circles")))
            }
        }
        let free = try await RelayThreads.run { [folder] in folder.map(Self.freeBytes) ?? UInt64.max }
        state.withLock { $0 = State(used: used, free: free, looked: .now) }
    }

    private static func freeBytes(_ folder: String) -> UInt64 {
        var disk = statvfs()
        guard statvfs(folder, &disk) == 0 else { return .max }
        return UInt64(disk.f_bavail) * UInt64(disk.f_frsize)
    }
}

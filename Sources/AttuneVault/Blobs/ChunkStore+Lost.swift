// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Chunk files that nothing refers to are set aside for a while before they are removed: the database may have been set
/// back without anybody knowing, and then they are all that is left of what it does not name. So are damaged ones that a
/// whole one takes the place of.
extension ChunkStore {
    /// How long they are kept: 30 days.
    static let lostAge: TimeInterval = 30 * 86_400

    /// One that was set aside.
    struct Lost {
        let id: ChunkID
        let path: String
        /// Midnight (UTC) of the day on which it was set aside.
        let since: Date
    }

    /// Moves every chunk file that is not in `needed` to the folder of the day.
    ///
    /// Files with other names are not ours and stay. Only for the holder of the lock: another writer's fresh chunks
    /// look like this too.
    func setAside(needed: Set<ChunkID>, at time: Date) {
        for (id, _) in files() where !needed.contains(id) { setAside(id, at: time) }
    }

    /// Moves a chunk file to the folder of the day; false if there is none, or it cannot be moved.
    @discardableResult
    func setAside(_ id: ChunkID, at time: Date) -> Bool {
        let day = folder.lost + "/" + Self.day.format(time)
        guard access(folder.chunk(id), F_OK) == 0, (try? DurableFile.makeFolder(folder.lost)) != nil,
            (try? DurableFile.makeFolder(day)) != nil
        else { return false }
        return rename(folder.chunk(id), "\(day)/\(id)") == 0
    }

    /// Moves those of `needed` that were set aside and are not in their place back to it, also in place of a damaged one.
    func bringBack(_ needed: Set<ChunkID>) {
        for lost in lost() where needed.contains(lost.id) {
            let isRight = { (path: String) in (try? Self.chunk(lost.id, at: path)) != nil }
            let path = folder.chunk(lost.id)
            guard access(path, F_OK) != 0 || !isRight(path) && isRight(lost.path),
                (try? DurableFile.makeFolder(String(path.prefix(path.count - 65)))) != nil
            else { continue }
            rename(lost.path, path)
        }
    }

    /// Removes what was set aside more than 30 days before `time`.
    func dropLost(at time: Date) {
        for lost in lost() where time.timeIntervalSince(lost.since) > Self.lostAge { unlink(lost.path) }
        for day in Self.entries(folder.lost) { rmdir("\(folder.lost)/\(day)") }
        rmdir(folder.lost)
    }

    /// All that are set aside.
    func lost() -> [Lost] {
        Self.entries(folder.lost).flatMap { name -> [Lost] in
            guard let since = try? Self.day.parse(name), Self.day.format(since) == name else { return [] }
            return Self.entries("\(folder.lost)/\(name)").compactMap { file in
                guard let id = ChunkID(hex: file), id.description == file else { return nil }
                return Lost(id: id, path: "\(folder.lost)/\(name)/\(file)", since: since)
            }
        }
    }

    /// Such as `2026-11-29`.
    static let day = Date.ISO8601FormatStyle().year().month().day()
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

extension BaseLibrary {
    /// Makes a folder to put a base together in, and removes those of processes that were killed.
    ///
    /// The name holds the process that works in it: `.adding-4711-…`.
    /// - Throws: `KitError` `E-BASE-010` where the bases' folder cannot be written.
    func makeStage(_ purpose: String) throws -> URL {
        removeAbandonedStages()
        let stage = folder.appending(path: ".\(purpose)-\(getpid())-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: stage, withIntermediateDirectories: true)
        } catch {
            throw KitError.cannotCopy("the base", to: folder.path, cause: error)
        }
        return stage
    }

    private func removeAbandonedStages() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(".adding-") || name.hasPrefix(".pulling-") {
            let parts = name.split(separator: "-")
            guard parts.count > 1, let process = pid_t(parts[1]), process != getpid() else { continue }
            // A process of another user is alive, too: only ESRCH says that there is none.
            guard kill(process, 0) != 0, errno == ESRCH else { continue }
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }
}

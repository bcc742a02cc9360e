// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

/// Seconds of one commit of a store, with its mark and without it.
enum CommitTiming {
    /// The mean of `commits` small changes to a new store at `path`, which is removed.
    static func seconds(_ commits: Int, marked: Bool, path: String) throws -> Double {
        let vault = try Vault.create(
            at: path, passphrase: SecretBytes(copying: Array("bench".utf8)), recovery: .random(),
            cost: PassphraseCost(opslimit: 1, memlimit: 8192))
        defer {
            try? vault.close()
            try? FileManager.default.removeItem(atPath: path)
        }
        if !marked {
            // Writing the mark ends at once where a folder is in its place.
            let mark = path + "/attune.mark"
            try? FileManager.default.removeItem(atPath: mark)
            try FileManager.default.createDirectory(atPath: mark, withIntermediateDirectories: false)
        }
        let text = String(repeating: "word ", count: 200)
        try vault.documents.put(name: "first", text: text)
        let start = ContinuousClock.now
        for index in 0..<commits { try vault.documents.put(name: "\(index)", text: "\(index) \(text)") }
        return (ContinuousClock.now - start).seconds / Double(max(commits, 1))
    }
}

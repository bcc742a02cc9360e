// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Looks for words as raw bytes in every file below a folder.
enum PlaintextSearch {
    /// `FILE: WORD` for each place where a word stands, in the names of files too.
    static func find(_ words: [String], below folder: String) throws -> [String] {
        var found: [String] = []
        for path in files(folder) {
            let bytes = (try? Data(contentsOf: URL(filePath: path))) ?? Data()
            for word in words where bytes.range(of: Data(word.utf8)) != nil || path.contains(word) {
                found.append("\(path): \(word)")
            }
        }
        return found
    }

    /// Every regular file below a folder.
    static func files(_ folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.map { "\(folder)/\($0)" }.filter {
            (try? FileManager.default.attributesOfItem(atPath: $0)[.type] as? FileAttributeType) == .typeRegular
        }
    }
}

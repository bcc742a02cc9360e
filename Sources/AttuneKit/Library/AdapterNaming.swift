// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import Foundation

/// Makes names of adapters from paths.
package enum AdapterNaming {
    /// A name from the file or folder at a path: `out/my notes.attune` becomes `my-notes`, the folder `2025.11` is
    /// `2025.11`, `Übungen` is `übungen`.
    ///
    /// Letters and digits of any script stay; what cannot be in a name becomes one dash.
    /// - Throws: `KitError` E-NAME-001 if nothing is left to name an adapter by.
    package static func name(from path: String) throws -> String {
        let url = URL(filePath: path).standardizedFileURL
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
        let last = (isThere && isFolder.boolValue ? url : url.deletingPathExtension()).lastPathComponent
        var name = ""
        for character in last.precomposedStringWithCanonicalMapping.lowercased() {
            if character.isLetter || character.isNumber || "._-".contains(character) {
                name.append(character)
            } else if name.last != "-" {
                name.append("-")
            }
        }
        name = String(name.drop { !$0.isLetter && !$0.isNumber }.prefix(64))
        while let end = name.last, "._-".contains(end) { name.removeLast() }
        guard let name = AdapterName.normalized(name) else { throw KitError.noNameIn(path) }
        return name
    }
}

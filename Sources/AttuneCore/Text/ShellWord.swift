// Attune
// SPDX-License-Identifier: Apache-2.0

/// Words of commands that people copy into a shell.
package enum ShellWord {
    /// A path as a shell takes it.
    package static func quoted(_ path: String) -> String {
        let isPlain = path.wholeMatch(of: /[0-9A-Za-z\/._+,:@%-]+/) != nil
        return isPlain ? path : "'" + path.replacing("'", with: #"'\''"#) + "'"
    }
}

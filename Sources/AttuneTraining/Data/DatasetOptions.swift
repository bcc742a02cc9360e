// Attune
// SPDX-License-Identifier: Apache-2.0

/// How data is loaded, and how much of it may be taken in.
package struct DatasetOptions: Codable, Hashable, Sendable {
    /// Leaves out what is wrong, counted and listed, where otherwise one issue refuses the whole. Default false.
    package var skipBad = false
    /// Most bytes of one file. Default 1 GiB.
    package var fileByteLimit = 1 << 30
    /// Most bytes of one line of a JSONL file. Default 16 MiB.
    package var lineByteLimit = 16 << 20
    /// Most bytes of all files together. Default 4 GiB.
    package var totalByteLimit = 4 << 30
    /// Most files found below one folder. Default 1 000 000.
    package var fileCountLimit = 1_000_000
    /// Most folders inside one another. Default 64.
    package var folderDepthLimit = 64
    /// Most issues, and most ignored files, that are listed; all are counted. Default 1000.
    package var listLimit = 1000

    package init() {}

    package init(skipBad: Bool) { self.skipBad = skipBad }
}

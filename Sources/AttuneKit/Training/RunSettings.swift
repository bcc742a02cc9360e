// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTraining
import Foundation

/// What the vault remembers of a run, so that it can be resumed without the files and flags it was started with.
package struct RunSettings: Codable, Sendable {
    package let training: TrainingConfiguration
    package let baseName: String
    /// The version it went on from.
    package let start: VersionID?
    /// Paths as they were given, for people.
    package let paths: [String]
    /// Bytes that the run may use, where a person set a limit.
    package let memoryLimit: Int?
    /// Whether the end of a single document is held out; nil for runs of before that was done.
    package let holdsStretch: Bool?

    func encoded() throws -> String { try JSON.stored(self) }

    package init(
        training: TrainingConfiguration, baseName: String, start: VersionID?, paths: [String], memoryLimit: Int? = nil,
        holdsStretch: Bool? = nil
    ) {
        self.training = training
        self.baseName = baseName
        self.start = start
        self.paths = paths
        self.memoryLimit = memoryLimit
        self.holdsStretch = holdsStretch
    }

    /// Reads what `encoded` wrote.
    package init(decoding text: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension TrainingError {
    /// `E-DATA-001`: a path that was given is not there or cannot be opened.
    static func dataNotFound(_ path: String, reason: String) -> TrainingError {
        TrainingError(
            .dataNotFound, "cannot open \(Printable.quoted(path, limit: 400)): \(reason)",
            remedy: "Check the path and its permissions.")
    }

    /// `E-DATA-002`: no row was found in all that was given.
    static func noData(_ what: String) -> TrainingError {
        TrainingError(
            .noData, "there is nothing to train on: \(what)",
            remedy: "Give a folder with .md or .txt files, or a .jsonl file.")
    }

    /// `E-DATA-003`: a file that was named is of no type that is read.
    static func otherType(_ path: String) -> TrainingError {
        TrainingError(
            .otherType, "\(Printable.quoted(path, limit: 400)) is not a .md, .txt or .jsonl file",
            remedy: "Rename it to end in .txt if it is plain text.")
    }

    /// `E-DATA-004`: the data as a whole is over a limit.
    static func tooMuchData(_ what: String) -> TrainingError {
        TrainingError(.tooMuchData, what, remedy: "Give a smaller folder, or fewer files.")
    }

    /// `E-DATA-005`: the data has issues and they were not to be skipped.
    static func badData(_ first: DataIssue, count: Int) -> TrainingError {
        TrainingError(
            .badData, count == 1 ? "the data has an error: \(first)" : "the data has \(count) errors, first \(first)",
            remedy: "Mend what is listed, or leave it out with --skip-bad.")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// One thing that a verification found damaged.
struct ProblemOutput: Encodable {
    let code: String
    let subject: String
    let message: String

    init(_ problem: VerificationReport.Problem) {
        code = problem.code
        subject = problem.subject
        message = problem.message
    }
}

/// What a verification found.
protocol VerificationResult: Encodable {
    var problems: [ProblemOutput] { get }
    /// What was read, for a person.
    var summary: String { get }
}

extension VerificationResult {
    /// Prints it; ends with exit code 8 if something is damaged.
    ///
    /// - Parameter remark: said to a person beside it.
    func show(on console: Console, remark: () -> Void = {}) throws {
        if console.json {
            try console.print(self)
        } else {
            for problem in problems {
                console.say(ShownText.line("FAIL  \(problem.subject)  \(problem.code) \(problem.message)"))
            }
            if !console.quiet { console.say("\(summary); \(Quantity.counted(problems.count, "problem"))") }
            remark()
        }
        if !problems.isEmpty { throw ExitCode(ExitStatus.invalidData.rawValue) }
    }
}

/// What a verification of the store found.
struct VerificationOutput: VerificationResult {
    let schema = 1
    let versions: Int
    let checkpoints: Int
    let chunks: Int
    let problems: [ProblemOutput]

    /// Reads everything that the store holds.
    init(_ workspace: Workspace) throws {
        let report = try workspace.verify()
        versions = report.versions
        checkpoints = report.checkpoints
        chunks = report.chunks
        problems = report.problems.map(ProblemOutput.init)
    }

    var summary: String {
        let parts = [(versions, "version"), (checkpoints, "checkpoint"), (chunks, "chunk")]
        return parts.map { Quantity.counted($0, $1) }.joined(separator: ", ") + " read"
    }
}

/// What a verification of a backup found.
struct BackupVerificationOutput: VerificationResult {
    let schema = 1
    let states: [Int]
    let wholeStates: [Int]
    let made: Date?
    let versions: Int
    let chunks: Int
    let problems: [ProblemOutput]

    init(_ report: BackupVerification) {
        states = report.states
        wholeStates = report.wholeStates
        made = report.made
        versions = report.versions
        chunks = report.chunks
        problems = report.problems.map(ProblemOutput.init)
    }

    var summary: String {
        let whole = wholeStates.map(String.init).joined(separator: ", ")
        return "\(Quantity.counted(states.count, "state")), whole: \(whole.isEmpty ? "none" : whole); "
            + "\(Quantity.counted(versions, "version")) and \(Quantity.counted(chunks, "chunk")) read"
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneVault

/// What a verification of the store found.
struct VerificationOutput: Encodable {
    struct Problem: Encodable {
        let code: String
        let subject: String
        let message: String
    }

    let schema = 1
    let versions: Int
    let checkpoints: Int
    let chunks: Int
    let problems: [Problem]

    init(_ report: VerificationReport) {
        versions = report.versions
        checkpoints = report.checkpoints
        chunks = report.chunks
        problems = report.problems.map { Problem(code: $0.code, subject: $0.subject, message: $0.message) }
    }

    /// Prints it; ends with exit code 8 where something is damaged.
    func show(on console: Console) throws {
        if console.json {
            try console.print(self)
        } else {
            for problem in problems {
                console.print(ShownText.line("FAIL  \(problem.subject)  \(problem.code) \(problem.message)"))
            }
            console.print(
                "\(versions) versions, \(checkpoints) checkpoints, \(chunks) chunks read; \(problems.count) problems")
        }
        if !problems.isEmpty { throw ExitCode(ExitStatus.invalidData.rawValue) }
    }
}

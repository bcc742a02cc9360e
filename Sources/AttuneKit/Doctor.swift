// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor
import AttuneTraining
import AttuneVault
import Foundation

/// Looks at the machine, the bases and the store, and says what is wrong and what mends it.
package struct Doctor {
    /// How bad a finding is.
    package enum Grade: String, Encodable, Sendable { case ok, info, warn, fail }

    /// One thing that was looked at, and what mends it.
    package struct Finding: Encodable, Sendable {
        package let grade: Grade
        package let text: String
        package let remedy: String?

        init(_ grade: Grade, _ text: String, remedy: String? = nil) {
            self.grade = grade
            self.text = text
            self.remedy = remedy
        }
    }

    private let paths: Paths

    package init(paths: Paths) { self.paths = paths }

    /// Everything that can be seen without the passphrase.
    package func machine() -> [Finding] {
        var findings: [Finding] = []
        for (name, value) in Kernels.report.sorted(by: { $0.key < $1.key }) {
            findings.append(Finding(.info, "\(name): \(value)"))
        }
        let memory = MemoryLimits.current()
        let free = memory.available >> 20
        findings.append(
            Finding(
                free < 1024 ? .warn : .ok,
                "memory: \(free) MiB free\(memory.isLimitedByGroup ? ", limited by a control group" : "")",
                remedy: free < 1024 ? "Close something, or train with --memory-limit and a shorter --max-len" : nil))
        return findings
    }

    /// The bases: their sizes, and with `deep` their content.
    package func bases(deep: Bool) -> [Finding] {
        let library = BaseLibrary(folder: paths.bases)
        do {
            let all = try library.list()
            if all.isEmpty { return [Finding(.warn, "no base model", remedy: "Get one: attune base pull smollm2")] }
            return all.map { base in
                do {
                    if deep { try library.verify(base) } else { _ = try library.open(base) }
                    return Finding(.ok, "base \(base.name) \(deep ? "matches its digest" : "can be read")")
                } catch {
                    return Self.finding(error)
                }
            }
        } catch {
            return [Self.finding(error)]
        }
    }

    /// The store: rights, every page and every chunk, runs that died.
    package func store(_ workspace: Workspace) -> [Finding] {
        var findings: [Finding] = []
        var status = stat()
        if stat(workspace.vault.path, &status) == 0, status.st_mode & 0o077 != 0 {
            findings.append(
                Finding(
                    .fail, "other users may enter \(workspace.vault.path)",
                    remedy: "Close it: chmod 700 \(workspace.vault.path)"))
        }
        do {
            let report = try workspace.vault.verify()
            if report.isWhole {
                findings.append(
                    Finding(.ok, "store readable, \(report.versions) versions and \(report.chunks) chunks verified"))
            }
            for problem in report.problems {
                findings.append(
                    Finding(
                        .fail, "\(problem.subject): \(problem.code) \(problem.message)",
                        remedy: "Restore it from a backup, or remove it: attune adapters rm"))
            }
            for run in try workspace.vault.runs() where run.state == .interrupted {
                findings.append(
                    Finding(
                        .info, "run \(run.id) of \(run.adapter) stopped at step \(run.step) of \(run.steps)",
                        remedy: "Go on: attune runs resume \(run.id)"))
            }
        } catch {
            findings.append(Self.finding(error))
        }
        return findings
    }

    /// A failure as a finding.
    package static func finding(_ error: any Error) -> Finding {
        guard let error = error as? any AttuneError else { return Finding(.fail, String(describing: error)) }
        return Finding(.fail, "\(error.code) \(error.message)", remedy: error.remedy)
    }
}

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

        /// Whether it is more than something to know.
        package var isWrong: Bool { grade == .warn || grade == .fail }

        init(_ grade: Grade, _ text: String, remedy: String? = nil) {
            self.grade = grade
            self.text = text
            self.remedy = remedy
        }
    }

    private static let mend =
        "Restore a backup: attune restore BACKUP --store NEWPATH. "
        + "Or save what opens into a new store: attune doctor --repair NEWPATH."
    let paths: Paths

    package init(paths: Paths) { self.paths = paths }

    /// Everything that can be seen without the passphrase.
    package func machine() -> [Finding] {
        var findings: [Finding] = []
        for (name, value) in Kernels.report.sorted(by: { $0.key < $1.key }) {
            findings.append(Finding(.info, "\(name): \(value)"))
        }
        let memory = MemoryLimits.current()
        let isShort = memory.available < 1 << 30
        findings.append(
            Finding(
                isShort ? .warn : .ok,
                "memory: \(Quantity.text(bytes: memory.available)) free\(memory.isLimitedByGroup ? ", limited by a control group" : "")",
                remedy: isShort ? "Close something, or train with --memory-limit and a shorter --max-len" : nil))
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
                    remedy: "Close it: chmod 700 \(ShellWord.quoted(workspace.vault.path))"))
        }
        do {
            let report = try workspace.vault.verify()
            if report.isWhole {
                findings.append(
                    Finding(
                        .ok,
                        "store readable, \(Quantity.counted(report.versions, "version")) and "
                            + "\(Quantity.counted(report.chunks, "chunk")) verified"))
            }
            for problem in report.problems {
                findings.append(
                    Finding(
                        .fail, "\(problem.subject): \(problem.code) \(problem.message)",
                        remedy: Self.mend + (removal(of: problem.subject, in: workspace) ?? "")))
            }
            findings += try chunkFiles(workspace)
            for run in Runs.current(try workspace.vault.runs.all(), in: workspace.vault)
            where run.state == .interrupted {
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

    /// How a version that is damaged is given up; nil for anything else.
    private func removal(of subject: String, in workspace: Workspace) -> String? {
        guard let adapters = try? workspace.vault.adapters.all(), let name = subject.split(separator: "@").first,
            subject.contains("@")
        else { return nil }
        guard (try? workspace.vault.versions.fetch(subject)) != nil,
            let adapter = adapters.first(where: { $0.name == name })
        else { return " Or, as it was removed already, erase the whole trash: attune trash empty --all" }
        guard adapter.head.map({ "\($0.reference)" }) == subject else {
            return " Or remove it: attune adapters rm \(subject)"
        }
        guard adapter.versions > 1 else { return " Or remove it: attune adapters rm \(name)" }
        return
            " Or go back to another version, attune adapters rollback \(name), and remove it: attune adapters rm \(subject)"
    }

    /// What the files of a store hold that cannot be taken for the newest: what a person has to know before accepting it.
    package func remains(_ workspace: Workspace) -> [Finding] {
        do {
            let held = try workspace.vault.statistics()
            let counts = [
                Quantity.counted(held.adapters, "adapter"), Quantity.counted(held.versions, "version"),
                Quantity.counted(held.documents, "document"), Quantity.counted(held.chats, "chat"),
            ]
            let text = "the database that is there holds \(counts.joined(separator: ", "))"
            return [Finding(.info, text)] + (try chunkFiles(workspace))
        } catch {
            return [Self.finding(error)]
        }
    }

    /// The chunk files beside those that the database names.
    private func chunkFiles(_ workspace: Workspace) throws -> [Finding] {
        let chunks = try workspace.vault.chunkInventory()
        var findings: [Finding] = []
        if !chunks.missing.isEmpty {
            findings.append(
                Finding(
                    .fail, "\(Quantity.counted(chunks.missing.count, "chunk file")) missing that the database names",
                    remedy: "Restore a backup: attune restore BACKUP --store NEWPATH"))
        }
        if chunks.unnamed > 0 {
            findings.append(
                Finding(
                    .info,
                    "\(Quantity.counted(chunks.unnamed, "chunk file")) (\(Quantity.text(bytes: chunks.unnamedBytes))) that the database "
                        + "does not name; a later command sets them aside for 30 days"))
        }
        if let since = chunks.lostSince, let removal = chunks.firstRemoval {
            let days = [since.lowerBound, since.upperBound].map { $0.formatted(.iso8601.year().month().day()) }
            let span = days[0] == days[1] ? "on \(days[0])" : "from \(days[0]) to \(days[1])"
            findings.append(
                Finding(
                    .info,
                    "\(Quantity.counted(chunks.lost, "chunk file")) (\(Quantity.text(bytes: chunks.lostBytes))) set aside \(span), "
                        + "removed from \(removal.formatted(.iso8601.year().month().day())) on; they come back by "
                        + "themselves when the database names them again"))
        }
        return findings
    }

    /// A failure as a finding.
    package static func finding(_ error: any Error) -> Finding {
        guard let error = error as? any AttuneError else { return Finding(.fail, String(describing: error)) }
        // A damaged store sends people here, where it is to be said what helps.
        let isDamage = (error as? VaultError)?.isDamage == true && error.remedy == VaultError.lookUp
        return Finding(.fail, "\(error.code) \(error.message)", remedy: isDamage ? mend : error.remedy)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune doctor`
struct DoctorCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong, and say what mends it.",
        discussion: """
            --repair NEWPATH makes a new store there of all that opens of this one, which is not changed: every row of \
            every page and log frame that opens, and every version whose chunks are there. What is lost is named; the \
            exit code is 3 then. A backup is better, if there is one: attune restore. With --quiet only what is wrong \
            is printed.
            """)

    @Flag(help: "Also hash the bases again.") var deep = false
    @Flag(help: "Go on with the files of the store as they are, where they are older than it was.")
    var acceptOlder = false
    @Option(help: ArgumentHelp("Save what opens of a damaged store into a new one.", valueName: "newpath"))
    var repair: String?
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard !acceptOlder || repair == nil else { throw ValidationError("--repair leaves the store as it is") }
    }

    func execute() throws {
        if let repair { return try save(to: repair) }
        if acceptOlder { try acceptWhatIsThere() }
        let doctor = Doctor(paths: global.paths)
        var findings = doctor.machine() + doctor.bases(deep: deep)
        var status = ExitStatus.success
        if global.paths.hasStore {
            do {
                findings += doctor.store(try global.open(.reading))
            } catch let error as any AttuneError {
                findings.append(Doctor.finding(error))
                status = error.exitStatus
                if error.isOfData, let remains = try? global.open(.reading, accepting: true) {
                    findings += doctor.remains(remains)
                }
            }
        } else {
            findings.append(Doctor.finding(KitError.noStoreYet(global.paths.store.path)))
            status = .noStore
        }
        let problems = findings.count { $0.grade == .fail }
        let warnings = findings.count { $0.grade == .warn }
        if global.json {
            try global.console.print(Report(findings: findings, problems: problems, warnings: warnings))
        } else {
            for finding in findings where !global.quiet || finding.isWrong {
                let grade = finding.grade == .fail ? "FAIL" : finding.grade.rawValue
                global.console.say(
                    grade.padding(toLength: 6, withPad: " ", startingAt: 0) + ShownText.line(finding.text))
                if let remedy = finding.remedy { global.console.say("        \(global.console.addressed(remedy))") }
            }
            if !global.quiet {
                global.console.print(
                    "\(Quantity.counted(problems, "problem")), \(Quantity.counted(warnings, "warning"))")
            }
        }
        if problems > 0 { throw ExitCode(status == .success ? ExitStatus.invalidData.rawValue : status.rawValue) }
    }

    /// Makes the database that is there the store's newest, after a look at what would be given up.
    private func acceptWhatIsThere() throws {
        do {
            _ = try global.open(.reading)
            global.console.note("The files of the store are its newest: there is nothing to accept.")
            return
        } catch let error as any AttuneError where error.isOfData {
            global.console.note("\(error.code) \(error.message)")
        }
        if let remains = try? global.open(.reading, accepting: true) {
            for finding in Doctor(paths: global.paths).remains(remains) { global.console.note(finding.text) }
        }
        guard try global.agrees("Go on with this, without what is newer?", to: "going on without what is newer") else {
            throw ExitCode(ExitStatus.invalidData.rawValue)
        }
        OpenStores.close(global.console)
        _ = try global.open(.writing, accepting: true)
        global.console.note("The store goes on with what is there; nothing was removed.")
        OpenStores.close(global.console)
    }

    private func save(to target: String) throws {
        let line = ProgressLine(console: global.console)
        let report = try Doctor(paths: global.paths).repair(to: target, key: global.keySource) { line.show($0) }
        line.end()
        try SalvageOutput(report, of: "the damaged store").show(on: global.console)
    }

    private struct Report: Encodable {
        let schema = 1
        let findings: [Doctor.Finding]
        let problems: Int
        let warnings: Int
    }
}

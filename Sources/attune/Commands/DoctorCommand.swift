// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import AttuneVault
import Foundation

/// `attune doctor`
struct DoctorCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong, and say what mends it.")

    @Flag(help: "Also hash the bases again.") var deep = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let doctor = Doctor(paths: global.paths)
        var findings = doctor.machine() + doctor.bases(deep: deep)
        var status = ExitStatus.success
        if Vault.exists(at: global.paths.store.path) {
            do {
                findings += doctor.store(try global.open(.reading))
            } catch let error as any AttuneError {
                findings.append(Doctor.finding(error))
                status = error.exitStatus
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
            for finding in findings {
                let grade = finding.grade == .fail ? "FAIL" : finding.grade.rawValue
                global.console.print(grade.padding(toLength: 6, withPad: " ", startingAt: 0) + finding.text)
                if let remedy = finding.remedy { global.console.print("        \(remedy)") }
            }
            global.console.print(
                "\(Quantity.counted(problems, "problem")), \(Quantity.counted(warnings, "warning"))")
        }
        if problems > 0 { throw ExitCode(status == .success ? ExitStatus.invalidData.rawValue : status.rawValue) }
    }

    private struct Report: Encodable {
        let schema = 1
        let findings: [Doctor.Finding]
        let problems: Int
        let warnings: Int
    }
}

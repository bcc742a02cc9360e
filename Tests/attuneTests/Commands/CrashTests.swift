// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// A crash ends a process and shows nothing of its memory.
@Suite struct CrashTests {
    /// What Swift's handler prints about registers, threads and memory.
    private static let traces = ["crashed", "Thread 0", "Registers", "Backtrace", "0x", "rax", "Images"]

    @Test(arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGABRT])
    func aCrashOfACommandSaysNothing(signal: Int32) throws {
        let store = try TinyStore()
        let errors = store.outside.path + "/errors"
        // Even where somebody asks for the report.
        let environment = store.attune.environment.merging(["SWIFT_BACKTRACE": "enable=yes"]) { $1 }
        let process = try ChildProcess(
            try AttuneProcess.binary, TinyStore.training(store.writeRows(40), name: "notes", epochs: "2000"),
            environment: environment, folder: store.outside.path, output: nil, errors: errors)
        while let line = process.readLine(), !line.contains(#""event":"step""#) {}
        process.send(signal)
        _ = process.remainingLines()
        #expect(try process.wait(limit: 60) == .signal(signal))
        try Self.expectSilence(try String(contentsOfFile: errors, encoding: .utf8))
    }

    @Test(arguments: [SIGSEGV, SIGTRAP]) func aCrashOfTheRelaySaysNothing(signal: Int32) throws {
        let relay = try RelayProcess(environment: ["SWIFT_BACKTRACE": "enable=yes"])
        relay.process.send(signal)
        #expect(try relay.process.wait(limit: 60) == .signal(signal))
        try Self.expectSilence(relay.log)
    }

    private static func expectSilence(_ text: String) throws {
        for trace in traces { #expect(!text.contains(trace), "\(trace): \(text)") }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs the real `attune` binary with a home of its own.
package struct AttuneProcess: Sendable {
    /// How a command ended and what it wrote.
    package struct Result: Sendable {
        package let arguments: [String]
        package let end: ChildProcess.End
        package let output: String
        package let errors: String

        /// The exit code as a shell shows it: 128 and the signal's number where a signal ended the process.
        package var status: Int32 {
            switch end {
            case .exit(let code): code
            case .signal(let number): 128 + number
            }
        }

        /// Whether the process ended by itself and without a trap.
        package var isOrderly: Bool {
            guard case .exit = end else { return false }
            return !["Fatal error", "crashed", "Backtrace", "stack dump"].contains { errors.contains($0) }
        }

        /// Standard output as one JSON object; the last line where there are several.
        package func json() throws -> [String: Any] {
            let line = output.split(separator: "\n").last ?? ""
            guard
                let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            else { throw NotAnObject(result: self) }
            return object
        }

        /// Every line of standard output as a JSON object.
        package func jsonLines() throws -> [[String: Any]] {
            try output.split(separator: "\n").map { line in
                guard
                    let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                else { throw NotAnObject(result: self) }
                return object
            }
        }
    }

    private struct NotAnObject: Error, CustomStringConvertible {
        let result: Result
        var description: String {
            "no JSON object from attune \(result.arguments.joined(separator: " ")): \(result.output) (\(result.errors))"
        }
    }

    /// What the process sees as its home: the store, the bases and the key file lie below it, and its `tmp`.
    package let home: TemporaryDirectory
    /// What the process prints goes here, so that a search of `home` finds only what Attune itself wrote.
    private let printed: TemporaryDirectory
    package var environment: [String: String]

    /// The passphrase in the key file.
    package static let passphrase = "correct horse battery staple"

    package init() throws {
        home = try TemporaryDirectory()
        printed = try TemporaryDirectory()
        let key = try home.write(Self.passphrase + "\n", to: "key")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        environment = [
            "HOME": home.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "ATTUNE_STORE": home.path + "/store", "ATTUNE_BASES": home.path + "/bases", "ATTUNE_KEY_FILE": key,
            "TMPDIR": home.path + "/tmp", "LC_ALL": "C.UTF-8",
        ]
        try FileManager.default.createDirectory(atPath: home.path + "/tmp", withIntermediateDirectories: true)
    }

    package var store: String { environment["ATTUNE_STORE"] ?? home.path + "/store" }
    package var bases: String { environment["ATTUNE_BASES"] ?? home.path + "/bases" }

    /// The binary that was built beside the tests; `ATTUNE_BINARY` overrides it.
    ///
    /// - Throws: where there is none.
    package static var binary: String { get throws { try program("attune") } }

    /// A program that was built beside this one, or lies beside what `ATTUNE_BINARY` names.
    ///
    /// - Throws: where there is none.
    package static func program(_ name: String) throws -> String {
        let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        var folders = [own.path, TestBase.tests.deletingLastPathComponent().path + "/.build/debug"]
        if let attune = ProcessInfo.processInfo.environment["ATTUNE_BINARY"] {
            if name == "attune" { return attune }
            folders = [URL(filePath: attune).deletingLastPathComponent().path]
        }
        let candidates = folders.map { $0 + "/" + name }
        for path in candidates {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
        }
        throw NoBinary(name: name, candidates: candidates)
    }

    private struct NoBinary: Error, CustomStringConvertible {
        let name: String
        let candidates: [String]
        var description: String { "no \(name) at \(candidates.joined(separator: " or ")): run swift build" }
    }

    /// Starts the binary; its output is read line by line.
    package func start(_ arguments: [String], input: String? = nil) throws -> ChildProcess {
        try ChildProcess(
            try Self.binary, arguments, environment: environment, folder: home.path,
            input: try input.map(inputFile), output: nil, errors: printed.path + "/err-\(UUID().uuidString)")
    }

    /// Runs the binary to its end.
    @discardableResult
    package func run(_ arguments: String..., input: String? = nil) throws -> Result {
        try run(arguments, input: input)
    }

    /// Runs the binary to its end.
    @discardableResult
    package func run(_ arguments: [String], input: String? = nil) throws -> Result {
        try execute(try Self.binary, arguments, input: input)
    }

    /// Runs `attune-bench`, which lies beside the binary, to its end.
    package func runBench(_ arguments: [String]) throws -> Result {
        try execute(try Self.program("attune-bench"), arguments, input: nil)
    }

    /// Runs a script with `attune` as `"$ATTUNE"`, in the same surroundings.
    package func shell(_ script: String, input: String? = nil) throws -> Result {
        var copy = self
        copy.environment["ATTUNE"] = try Self.binary
        return try copy.execute("bash", ["-c", script], input: input)
    }

    private func execute(_ program: String, _ arguments: [String], input: String?) throws -> Result {
        let name = UUID().uuidString
        let (output, errors) = ("\(printed.path)/out-\(name)", "\(printed.path)/err-\(name)")
        let process = try ChildProcess(
            program, arguments, environment: environment, folder: home.path, input: try input.map(inputFile),
            output: output, errors: errors)
        let end = try process.wait()
        return Result(
            arguments: arguments, end: end,
            output: String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: URL(filePath: errors)), as: UTF8.self))
    }

    private func inputFile(_ text: String) throws -> String {
        try printed.write(text, to: "in-\(UUID().uuidString)")
    }
}

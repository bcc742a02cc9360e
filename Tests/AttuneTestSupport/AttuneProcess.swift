// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs the real `attune` binary with a home of its own.
package struct AttuneProcess: Sendable {
    package struct Result: Sendable {
        package let status: Int32
        package let output: String
        package let errors: String

        /// Standard output as one JSON object; the last line where there are several.
        package func json() throws -> [String: Any] {
            let line = output.split(separator: "\n").last ?? ""
            let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let object = value as? [String: Any] else { throw NotAnObject(output: output, errors: errors) }
            return object
        }
    }

    private struct NotAnObject: Error, CustomStringConvertible {
        let output: String
        let errors: String
        var description: String { "no JSON object in \(output) (\(errors))" }
    }

    package let home: TemporaryDirectory
    package var environment: [String: String]

    /// The store, the bases and the key file lie below `home`; the key file holds a passphrase.
    package init() throws {
        home = try TemporaryDirectory()
        try home.write("correct horse battery staple\n", to: "key")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: home.url.appending(path: "key").path)
        environment = [
            "HOME": home.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "ATTUNE_STORE": home.url.appending(path: "store").path, "ATTUNE_BASES": home.url.appending(path: "bases").path,
            "ATTUNE_KEY_FILE": home.url.appending(path: "key").path, "TMPDIR": home.url.appending(path: "tmp").path,
        ]
        try FileManager.default.createDirectory(
            at: home.url.appending(path: "tmp"), withIntermediateDirectories: true)
    }

    /// The binary that was built beside the tests.
    package static var binary: URL {
        get throws {
            if let path = ProcessInfo.processInfo.environment["ATTUNE_BINARY"] { return URL(filePath: path) }
            var folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            let own = Bundle.allBundles.map(\.bundleURL) + [TestBase.tests]
            for start in [folder] + own {
                folder = start
                for _ in 0..<6 {
                    let candidate = folder.appending(path: "attune")
                    if FileManager.default.isExecutableFile(atPath: candidate.path), !candidate.hasDirectoryPath {
                        return candidate
                    }
                    folder = folder.deletingLastPathComponent()
                }
            }
            return TestBase.tests.deletingLastPathComponent().appending(path: ".build/debug/attune")
        }
    }

    /// Starts the binary; the caller waits or kills.
    package func start(_ arguments: [String], input: String? = nil, output: URL, errors: URL) throws -> Process {
        let process = Process()
        process.executableURL = try Self.binary
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = home.url
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        if let input {
            let file = home.url.appending(path: "tmp/input-\(UUID().uuidString)")
            try Data(input.utf8).write(to: file)
            process.standardInput = try FileHandle(forReadingFrom: file)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        return process
    }

    /// Runs the binary to its end.
    @discardableResult
    package func run(_ arguments: String..., input: String? = nil) throws -> Result {
        try run(arguments, input: input)
    }

    package func run(_ arguments: [String], input: String? = nil) throws -> Result {
        let output = home.url.appending(path: "tmp/out-\(UUID().uuidString)")
        let errors = home.url.appending(path: "tmp/err-\(UUID().uuidString)")
        defer {
            try? FileManager.default.removeItem(at: output)
            try? FileManager.default.removeItem(at: errors)
        }
        let process = try start(arguments, input: input, output: output, errors: errors)
        process.waitUntilExit()
        return Result(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
}

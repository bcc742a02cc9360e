// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneTestSupport
import Foundation
import Testing

/// The stores and the relay's folder of `Data/earlier`, unpacked for one test, and today's binaries to work on them.
struct EarlierCircle {
    let folder: TemporaryDirectory
    /// The device `office`, in the middle of sending two versions.
    let loft: TinyStore
    /// The device `study`.
    let desk: TinyStore
    /// The folder of the relay.
    var relay: String { folder.path + "/relay" }

    /// Ids of the versions that the first device has, by their references.
    static let versions = [
        "logbook@1": "318cb118d6f4045a599696fe98ef9f8437a54bf33923235ac23a40859584fa78",
        "logbook@2": "8d1727a8fefd1d800d8ad72a212782a6321af25b1d8b03b694c45340c9e982ea",
        "letters@1": "3a2a6f1f94cb5e31d4df734b6f1fe27ea37dcb089c81f45e5ceb7c0cff215202",
    ]

    init() throws {
        folder = try TemporaryDirectory()
        let (data, root) = (TestBase.tests.path + "/Data/earlier", TestBase.tests.deletingLastPathComponent().path)
        try Self.run("tar", ["-xJf", data + "/circle.tar.xz", "-C", folder.path], in: folder)
        try Self.run(
            root + "/tools/make-synthetic-base", ["--shape", "tiny", "--type", "q8_0", "tiny.gguf"], in: folder)
        loft = try TinyStore(earlier: folder, "loft")
        desk = try TinyStore(earlier: folder, "desk")
    }

    private static func run(_ program: String, _ arguments: [String], in folder: TemporaryDirectory) throws {
        let process = try ChildProcess(
            program, arguments, environment: ProcessInfo.processInfo.environment, folder: folder.path,
            output: folder.path + "/out", errors: folder.path + "/errors")
        let end = try process.wait(limit: 60)
        let errors = try String(contentsOfFile: folder.path + "/errors", encoding: .utf8)
        try #require(end == .exit(0), "\(program): \(errors)")
    }
}

extension TinyStore {
    /// A store that is there already, below `folder`, with the base `tiny.gguf` that lies there too.
    fileprivate init(earlier folder: TemporaryDirectory, _ name: String) throws {
        var attune = try AttuneProcess()
        attune.environment["ATTUNE_STORE"] = "\(folder.path)/\(name)/store"
        self.init(attune: attune, outside: folder)
        _ = try BaseLibrary(folder: URL(filePath: attune.bases)).add(path: folder.path + "/tiny.gguf", name: "tiny")
    }
}

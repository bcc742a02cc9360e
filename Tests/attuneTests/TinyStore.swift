// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// A store with a tiny base, whose passphrase costs next to nothing to try, and the real binary to work on it.
struct TinyStore {
    let attune: AttuneProcess
    /// Files of the person, outside of the home that is searched for leaks.
    let outside: TemporaryDirectory

    /// - Parameter source: files to share with another store; made anew when nil.
    init(base: SyntheticGGUF = Self.base, outside source: TemporaryDirectory? = nil) throws {
        attune = try AttuneProcess()
        outside = try source ?? TemporaryDirectory()
        let file = try base.write(to: outside, name: "tiny.gguf")
        _ = try BaseLibrary(folder: URL(filePath: attune.bases)).add(path: file, name: "tiny")
        try Vault.create(
            at: attune.store, passphrase: Self.passphrase, recovery: .random(),
            cost: PassphraseCost(opslimit: 1, memlimit: 8192)
        ).close()
    }

    init(attune: AttuneProcess, outside: TemporaryDirectory) {
        self.attune = attune
        self.outside = outside
    }

    /// The same store, with a variable taken out of the process's surroundings.
    init(_ store: TinyStore, without variable: String) { self.init(store, with: variable, nil) }

    /// The same store, with another value of a variable in the process's surroundings.
    init(_ store: TinyStore, with variable: String, _ value: String?) {
        var attune = store.attune
        attune.environment[variable] = value
        self.attune = attune
        outside = store.outside
    }

    static let base = SyntheticGGUF(
        layers: 2, width: 32, feedForward: 48, heads: 4, keyValueHeads: 2, vocabulary: 384, contextLength: 512,
        type: .f32)

    static var passphrase: SecretBytes { SecretBytes(copying: Array(AttuneProcess.passphrase.utf8)) }

    /// Opens the store in this process.
    func vault(_ mode: Vault.Mode = .reading) throws -> Vault {
        try Vault.open(at: attune.store, passphrase: Self.passphrase, mode: mode)
    }

    /// Writes JSONL rows of prompts and completions outside the store and returns the path.
    @discardableResult
    func writeRows(_ count: Int, to name: String = "rows.jsonl", marker: String = "") throws -> String {
        let things = ["boat", "garden", "letter", "supper", "harbour", "violin", "ledger"]
        let lines = (0..<count).map { index in
            let thing = things[index % things.count]
            return #"{"prompt": "What of the \#(thing) \#(index)?", "#
                + #""completion": "The \#(thing) is seen on day \#(index * 7 % 31). \#(marker)"}"#
        }
        return try outside.write(lines.joined(separator: "\n") + "\n", to: name)
    }

    /// `attune train` with every setting that its result depends on.
    static func training(
        _ path: String, name: String, epochs: String = "1", seed: Int = 7, extra: [String] = []
    ) -> [String] {
        [
            "train", path, "--name", name, "--epochs", epochs, "--rank", "4", "--alpha", "8", "--lr", "1e-2",
            "--max-len", "64", "--batch", "2", "--accumulate", "1", "--packing", "documents", "--seed", "\(seed)",
            "--valid", "10%", "--precision", "float32", "--patience", "0", "--evaluate-every", "5", "--yes", "--jsonl",
        ] + extra
    }

    /// Trains to the end and returns the last event.
    @discardableResult
    func train(
        _ path: String, name: String, epochs: String = "1", seed: Int = 7, extra: [String] = []
    ) throws -> [String: Any] {
        try expect(Self.training(path, name: name, epochs: epochs, seed: seed, extra: extra), exits: 0).json()
    }

    /// Runs a command that is to end in an orderly way with this code; an error names its code and what mends it.
    @discardableResult
    func expect(
        _ arguments: [String], exits status: Int32, input: String? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) throws -> AttuneProcess.Result {
        try check(try attune.run(arguments, input: input), exits: status, location)
    }

    @discardableResult
    func expect(
        _ arguments: String..., exits status: Int32, input: String? = nil,
        at location: SourceLocation = #_sourceLocation
    ) throws -> AttuneProcess.Result {
        try expect(arguments, exits: status, input: input, location)
    }

    @discardableResult
    func check(
        _ result: AttuneProcess.Result, exits status: Int32, _ location: SourceLocation = #_sourceLocation
    ) throws -> AttuneProcess.Result {
        let shown: Comment = "attune \(result.arguments.joined(separator: " ")): \(result.end) \(result.errors)"
        #expect(result.isOrderly, shown, sourceLocation: location)
        try #require(result.status == status, shown, sourceLocation: location)
        let told = [0, 64, 130, 143].contains(status)
        if !told { #expect(result.errors.contains(/E-[A-Z]+-\d{3}/), shown, sourceLocation: location) }
        return result
    }

    /// What `adapters export` writes for the tensors of a version.
    func exportedTensors(_ reference: String) throws -> Data {
        let folder = outside.path + "/export-\(UUID().uuidString)"
        try expect("adapters", "export", reference, "--format", "peft", folder, exits: 0)
        return try Data(contentsOf: URL(filePath: folder + "/adapter_model.safetensors"))
    }

    /// The finished versions: reference and content.
    func versions() throws -> [String: VersionID] {
        let vault = try vault()
        defer { try? vault.close() }
        let records = try vault.adapters.all().flatMap { try vault.versions.all(of: $0.name) }
        return Dictionary(records.map { ($0.reference.description, $0.id) }, uniquingKeysWith: { first, _ in first })
    }
}

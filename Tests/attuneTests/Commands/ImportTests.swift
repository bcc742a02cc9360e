// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCrypto
import AttuneKit
import AttuneTensor
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// PEFT folders and files with a passphrase come from anybody: they are looked at as files of other people are.
@Suite struct ImportTests {
    private let store: TinyStore
    private let phrase: String

    init() throws {
        store = try TinyStore()
        try store.train(try store.writeRows(24), name: "notes")
        phrase = try store.outside.write("a phrase of its own\n", to: "phrase")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: phrase)
    }

    /// The store's `notes` in both forms, with every number replaced where one is given.
    private func files(_ value: Float? = nil) throws -> [[String]] {
        let vault = try store.vault(.reading)
        defer { try? vault.close() }
        let workspace = Workspace(
            paths: Paths(store: store.attune.store, environment: store.attune.environment), vault: vault)
        let loaded = try workspace.load("notes@1")
        let parameters = LoRAParameters<Float>(layout: loaded.adapter.layout)
        for index in parameters.values.buffer.indices {
            parameters.values.buffer[index] = value ?? loaded.adapter.parameters.values.buffer[index]
        }
        let adapter = Adapter(
            base: loaded.adapter.base, configuration: loaded.adapter.configuration, parameters: parameters)
        let folder = store.outside.path + "/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try PEFTFolder.write(adapter, to: URL(filePath: folder + "/notes"))
        try PortableAdapter(adapter: adapter, manifest: AdapterManifest(adapter))
            .seal(to: folder + "/notes.attune", passphrase: SecretBytes(copying: Array("a phrase of its own".utf8)))
        return [[folder + "/notes"], [folder + "/notes.attune", "--passphrase-file", phrase]]
    }

    private func names() throws -> [String] { try store.versions().keys.map(\.description).sorted() }

    @Test func whatNobodySaysWhereToPutIsKeptApart() throws {
        for file in try files() {
            let before = try names()
            let said = try store.expect(["adapters", "import"] + file, exits: 0)
            #expect(said.output.contains("kept apart: attune adapters accept notes"), "\(said.output)")
            #expect(try names() == before)
            // Taken in, it has a name of its own: one's own notes stay what they are.
            try store.expect("adapters", "accept", "notes", exits: 0)
            #expect(try names().count == before.count + 1)
            try store.expect("adapters", "rm", "notes-2", "--yes", exits: 0)
            try store.expect("trash", "empty", "--all", "--yes", exits: 0)
        }
        #expect(try names() == ["notes@1"])
    }

    @Test func aNameMakesAnAdapterAndIntoAddsToOnesOwn() throws {
        for file in try files() {
            try store.expect(["adapters", "import"] + file + ["--name", "notes"], exits: 6)
            try store.expect(["adapters", "import"] + file + ["--into", "nobody"], exits: 5)
            try store.expect(["adapters", "import"] + file + ["--into", "notes", "--name", "x"], exits: 64)
        }
        #expect(try names() == ["notes@1"])
        let files = try files(0.25)
        try store.expect(["adapters", "import"] + files[0] + ["--name", "other"], exits: 0)
        try store.expect(["adapters", "import"] + files[1] + ["--into", "notes"], exits: 0)
        #expect(try names() == ["notes@1", "notes@2", "other@1"])
    }

    @Test func numbersThatNoTrainingGivesAreRefusedAtEveryDoor() throws {
        for file in try files(1e30) {
            for target in [[], ["--name", "huge"], ["--into", "notes"]] {
                let result = try store.expect(["adapters", "import"] + file + target, exits: 8)
                #expect(result.errors.contains("E-ADAPTER-029"), "\(result.errors)")
            }
        }
        #expect(try names() == ["notes@1"])
        let waiting = try store.expect("people", "received", "--json", exits: 0).json()
        #expect((waiting["received"] as? [Any])?.isEmpty == true)
        try store.expect("ask", "notes", "What of the boat 3?", "--max", "4", exits: 0)
    }

    @Test func aNameOfSeveralLinesStaysInItsRow() throws {
        let vault = try store.vault(.writing)
        let workspace = Workspace(
            paths: Paths(store: store.attune.store, environment: store.attune.environment), vault: vault)
        let loaded = try workspace.load("notes@1")
        let base = loaded.adapter.base
        let forged = Adapter(
            base: BaseIdentity(id: base.id, name: "tiny\nletters  @7", shape: base.shape),
            configuration: loaded.adapter.configuration, parameters: loaded.adapter.parameters)
        try workspace.keep(forged, manifest: AdapterManifest(forged), as: "forged")
        try vault.close()
        let list = try store.expect("adapters", "list", exits: 0).output
        #expect(list.split(separator: "\n").count == 3, "\(list)")
        let shown = try store.expect("adapters", "show", "forged", exits: 0).output
        #expect(!shown.contains("\nletters"), "\(shown)")
    }
}

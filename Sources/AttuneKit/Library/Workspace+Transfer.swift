// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneVault
import Foundation

extension Workspace {
    /// Writes an adapter as a folder that PEFT loads.
    package func exportPEFT(_ loaded: LoadedAdapter, to path: String) throws {
        try PEFTFolder.write(loaded.adapter, extras: loaded.manifest.peft, to: URL(filePath: path))
    }

    /// Writes an adapter as one encrypted file.
    package func exportSealed(
        _ loaded: LoadedAdapter, to path: String, passphrase: borrowing SecretBytes
    ) throws {
        try PortableAdapter(adapter: loaded.adapter, manifest: loaded.manifest).seal(to: path, passphrase: passphrase)
    }

    /// Takes in a PEFT folder trained on `base`.
    ///
    /// - Returns: beside it the names of `target_modules` that the base does not have.
    /// - Throws: as `take`; `AdapterError` for a folder that cannot be used.
    package func importPEFT(
        _ path: String, to target: ImportTarget, base: BaseRecord
    ) throws -> (file: ImportedFile, unusedTargets: [String]) {
        let read = try PEFTFolder.read(URL(filePath: path), base: base.identity)
        return (
            try take(read.adapter, AdapterManifest(read.adapter, peft: read.extras), to: target), read.unusedTargets
        )
    }

    /// The folder of a PEFT adapter one of whose two files is at `path`; nil for any other file.
    package static func folderOfPEFT(around path: String) -> String? {
        let url = URL(filePath: path)
        guard ["safetensors", "json"].contains(url.pathExtension) else { return nil }
        let folder = url.deletingLastPathComponent()
        let isThere = FileManager.default.fileExists(atPath: folder.appending(path: "adapter_config.json").path)
        return isThere ? folder.path : nil
    }

    /// Takes in one encrypted file; its base need not be here, but where `base` is given it must be that one.
    ///
    /// - Throws: as `take`; `CryptoError` for a wrong passphrase or a changed file; `KitError` E-FILE-011, E-BASE-013,
    ///   E-ADAPTER-020.
    package func importSealed(
        _ path: String, to target: ImportTarget, base: BaseRecord?, passphrase: borrowing SecretBytes
    ) throws -> ImportedFile {
        let opened = try PortableAdapter.open(path, passphrase: passphrase)
        if try bases.list().contains(where: { $0.id == opened.adapter.base.id }) {
            _ = try bases.find(opened.adapter.base)
        }
        if let base, base.id != opened.adapter.base.id {
            throw KitError.otherBase(path, trainedOn: opened.adapter.base, given: base)
        }
        return try take(opened.adapter, opened.manifest, to: target)
    }

    /// Checks an adapter as one of another person is, and puts it where it is to go.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-015, `KitError` E-ADAPTER-029 (refused), E-ADAPTER-021 (another base),
    ///   E-ADAPTER-031 (the name is taken); `VaultError` E-VAULT-020 (no such adapter), E-VAULT-022.
    private func take(
        _ adapter: Adapter, _ manifest: AdapterManifest, to target: ImportTarget
    ) throws -> ImportedFile {
        try Self.check(adapter, manifest)
        switch target {
        case .apart(let name):
            return .received(
                try vault.received.add(
                    from: nil, name: name, base: adapter.base.id,
                    NewVersion(
                        manifest: try JSON.stored(manifest), content: adapter.content(rounding: false), parents: [],
                        lossBefore: manifest.training?.lossBefore, lossAfter: manifest.training?.lossAfter)))
        case .new(let name):
            let look = NameLook(name)
            if let taken = try vault.adapters.all().first(where: { NameLook($0.name) == look }) {
                throw KitError.importNameTaken(name, by: taken.name)
            }
            return .version(try keep(adapter, manifest: manifest, as: name))
        case .into(let name):
            guard try vault.adapters.all().contains(where: { $0.name == name }) else {
                throw VaultError.noAdapter(name)
            }
            return .version(try keep(adapter, manifest: manifest, as: name))
        }
    }
}

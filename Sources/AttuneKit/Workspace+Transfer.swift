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
    package func importPEFT(_ path: String, as name: String, base: BaseRecord) throws -> VersionRecord {
        let read = try PEFTFolder.read(URL(filePath: path), base: base.identity)
        return try keep(read.adapter, manifest: AdapterManifest(read.adapter, peft: read.extras), as: name)
    }

    /// Takes in one encrypted file; its base need not be here, but where `base` is given it must be that one.
    package func importSealed(
        _ path: String, as name: String, base: BaseRecord?, passphrase: borrowing SecretBytes
    ) throws -> VersionRecord {
        let opened = try PortableAdapter.open(path, passphrase: passphrase)
        if try bases.list().contains(where: { $0.id == opened.adapter.base.id }) {
            _ = try bases.find(opened.adapter.base)
        }
        if let base, base.id != opened.adapter.base.id {
            throw KitError.otherBase(path, trainedOn: opened.adapter.base, given: base)
        }
        return try keep(opened.adapter, manifest: opened.manifest, as: name)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

extension AdaptersCommand {
    enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
        case peft, attune
    }

    /// The passphrase of an exported file, which is not the store's.
    fileprivate static func passphrase(of file: String?, new: Bool, _ global: GlobalOptions) -> SecretSource {
        SecretSource(
            file: file, canAsk: global.canPrompt,
            prompt: new ? "Passphrase for the file: " : "Passphrase of the file: ",
            confirm: new ? "Once more: " : nil, what: "the file's own passphrase", option: "--passphrase-file")
    }

    struct Export: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write an adapter as a PEFT folder, or as one encrypted .attune file.",
            discussion: "A PEFT folder is not encrypted. The passphrase of a .attune file is its own.")
        @Argument(help: "The version, such as notes@3.") var reference: String
        @Argument(help: "The folder or file to make.") var output: String
        @Option(help: "peft or attune; attune where the name ends so.") var format: ExportFormat?
        @Option(help: "A file with the passphrase of the .attune file.") var passphraseFile: String?
        @Option(help: "Who opens the .attune file: a device of the circle, a person, or passphrase.")
        var encryptTo: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            if let encryptTo, encryptTo != "passphrase" {
                guard format != .peft else { throw ValidationError("a PEFT folder cannot be encrypted") }
                try global.open(.writing).export(reference, to: output, encryptedTo: encryptTo)
                return try global.done("\(reference) exported to \(output) for \(encryptTo)")
            }
            let workspace = try global.open(.reading)
            let loaded = try workspace.load(reference)
            let format = encryptTo == nil ? format : .attune
            switch format ?? (output.hasSuffix(".attune") ? .attune : .peft) {
            case .peft: try workspace.exportPEFT(loaded, to: output)
            case .attune:
                let passphrase = try AdaptersCommand.passphrase(of: passphraseFile, new: true, global)
                    .passphrase()
                try workspace.exportSealed(loaded, to: output, passphrase: passphrase)
            }
            try global.done("\(loaded.label) exported to \(output)")
        }
    }

    struct Import: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take in a PEFT folder or a .attune file.",
            discussion: """
                What another person made, or nobody says where to put, is kept apart under the file's name until \
                attune adapters accept takes it in; a file of another device of the circle becomes the version that it \
                is there. Numbers and ranks that no honest training gives are refused.
                """)
        @Argument(help: "The folder or file.") var path: String
        @Option(help: "Take it in as a new adapter of this name.") var name: String?
        @Option(help: "Take it in as a new version of this adapter of yours.") var into: String?
        @Option(help: "The base of a PEFT folder.") var base: String?
        @Option(help: "A file with the passphrase of the .attune file.") var passphraseFile: String?
        @OptionGroup var global: GlobalOptions

        func validate() throws {
            guard name == nil || into == nil else { throw ValidationError("give one of --name and --into") }
        }

        func execute() throws {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw KitError.nothingThere(path)
            }
            // Who names the tensors of a PEFT adapter means the folder around them.
            let folder = isFolder.boolValue ? path : Workspace.folderOfPEFT(around: path)
            let workspace = try global.open(.writing)
            let target: ImportTarget =
                if let into {
                    .into(into)
                } else if let name {
                    .new(name)
                } else {
                    .apart(try AdapterNaming.name(from: folder ?? path))
                }
            let imported: ImportedFile
            if let folder {
                let (file, unused) = try workspace.importPEFT(
                    folder, to: target, base: try workspace.bases.chosen(base))
                imported = file
                if !unused.isEmpty {
                    let names = unused.prefix(8).map { Printable.quoted($0) }.joined(separator: ", ")
                    global.console.note("not used: target_modules that this base does not have: \(names)")
                }
            } else if try Workspace.isForDevices(path) {
                imported = try workspace.importForDevice(path)
            } else {
                workspace.yieldStore()  // a person may take long to type
                let passphrase = try AdaptersCommand.passphrase(of: passphraseFile, new: false, global)
                    .passphrase()
                imported = try workspace.importSealed(
                    path, to: target, base: try base.map { try workspace.bases.find($0) }, passphrase: passphrase)
            }
            if let reference = imported.reference { try global.done("imported as \(reference)") }
            if let (name, sender) = imported.waiting {
                let origin = sender.map { " from \($0)" } ?? ""
                try global.done("\(name)\(origin) is kept apart: attune adapters accept \(name)")
            }
        }
    }

    struct Verify: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every byte of every version and check it.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            try VerificationOutput(try global.open(.reading)).show(on: global.console)
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune backup`
struct BackupCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the store, sealed, into a folder; or check such a copy.",
        discussion: """
            The store may be in use, also by a command that writes. A folder that holds an earlier backup of the same \
            store is brought up to date: only new chunks are copied, and what was there stays whole until the new state \
            is checked. What it holds is read each time, and a chunk that was damaged there is written anew; the \
            damaged one is set aside for 30 days. The backup opens with the store's passphrase or its recovery words; \
            attune restore makes a store of it. A store that does not go on from \
            the newest state, as an earlier copy, is refused without --accept-older; states with what it does not have \
            stay then. Never copy single files of a store instead.
            """)

    @Argument(help: "The backup's folder: empty, not there yet, or that of an earlier backup.") var path: String
    @Flag(help: "Back nothing up; read the whole backup and say what is damaged.") var verify = false
    @Option(help: "How many states to keep, the newest ones.") var keep = 2
    @Flag(help: "Of the chunks that an earlier backup has copied read a sixteenth, another one each time.")
    var quick = false
    @Flag(help: "Also back up a store that is older than what the folder has of it, or was used apart from it.")
    var acceptOlder = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard keep >= 1 else { throw ValidationError("--keep is at least 1") }
        guard !verify || !quick else { throw ValidationError("--verify reads everything; leave out --quick") }
        guard !verify || !acceptOlder else { throw ValidationError("--verify backs nothing up") }
    }

    func execute() throws {
        if verify { return try check() }
        let workspace = try global.open(.reading)
        let line = ProgressLine(console: global.console)
        let report = try workspace.backUp(to: path, keep: keep, isQuick: quick, acceptsOlder: acceptOlder) {
            line.show($0)
        }
        line.end()
        if global.json {
            try global.console.print(Made(report))
        } else {
            show(report)
        }
        if !report.damage.isEmpty { throw ExitCode(ExitStatus.invalidData.rawValue) }
    }

    private func show(_ report: BackupReport) {
        let console = global.console
        let place = ShellWord.quoted(report.path)
        for damage in report.damage { console.say(ShownText.line("FAIL  \(damage); the backup has it whole")) }
        console.say(
            "Backed up to \(report.path): state \(report.state), database \(Quantity.text(bytes: report.databaseBytes)), "
                + "\(Quantity.counted(report.chunksCopied, "new chunk")) (\(Quantity.text(bytes: report.bytesCopied))) "
                + "of \(report.chunks)")
        if report.chunksMended > 0 {
            console.note(
                "\(Quantity.counted(report.chunksMended, "chunk")) of the backup had been damaged and came anew from the "
                    + "store; the damaged files are below \(report.path)/chunks/.lost for 30 days")
        }
        if !report.statesAhead.isEmpty {
            let folders = report.statesAhead.map { ShellWord.quoted("\(report.path)/states/\($0)") }
            console.note(
                "what this store does not have is in state \(report.statesAhead.map(String.init).joined(separator: ", ")), "
                    + "which so stays; to give it up: rm -r \(folders.joined(separator: " "))")
        }
        if !report.damage.isEmpty {
            console.note("the store itself is damaged; make a whole one: attune restore \(place) --store NEWPATH")
        } else if report.state == 1 {
            console.note("It opens with the store's passphrase or its recovery words: keep one of them elsewhere too.")
            console.note("Again: the same command. Back: attune restore \(place) --store NEWPATH")
        }
    }

    private func check() throws {
        let backup = try StoreBackup(at: path, key: global.keySource)
        if let remark = backup.remark { global.console.note(remark) }
        let line = ProgressLine(console: global.console)
        let report = try backup.verify { line.show($0) }
        line.end()
        try BackupVerificationOutput(report).show(on: global.console) {
            if let made = report.made { global.console.note("the newest whole state was made \(Format.ago(made))") }
            guard !report.problems.isEmpty else { return }
            let place = ShellWord.quoted(path)
            global.console.note(
                "a new backup into the same folder mends what the store still has: attune backup \(place) --store STORE"
            )
            global.console.note(
                report.wholeStates.last.map {
                    "the newest whole state: attune restore \(place) --state \($0) --store NEWPATH"
                } ?? "no state is whole; what is left of one: attune restore \(place) --damaged --store NEWPATH")
        }
    }

    private struct Made: Encodable {
        let schema = 1
        let backup: String
        let state: Int
        let states: [Int]
        let statesAhead: [Int]
        let databaseBytes: Int
        let chunks: Int
        let chunkBytes: Int
        let chunksCopied: Int
        let bytesCopied: Int
        let chunksMended: Int
        let chunksDropped: Int
        let damage: [String]

        init(_ report: BackupReport) {
            backup = report.path
            state = report.state
            states = report.states
            statesAhead = report.statesAhead
            databaseBytes = report.databaseBytes
            chunks = report.chunks
            chunkBytes = report.chunkBytes
            chunksCopied = report.chunksCopied
            bytesCopied = report.bytesCopied
            chunksMended = report.chunksMended
            chunksDropped = report.chunksDropped
            damage = report.damage
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune restore`
struct RestoreCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a store of a backup.",
        discussion: """
            Every page, chunk and version is checked before the store appears at --store (or where the store of this \
            user belongs). A store that is there is never touched, and none is made inside of a backup or another \
            store. The passphrase is the one that the store had when it was last backed up, whichever state is \
            restored; without it the recovery words of that time open the backup: --recovery.

            Of a damaged state no store is made: the error says what is damaged and which state is whole. With \
            --damaged what is whole of it comes into the store and what is lost is named; the exit code is 3 then.
            """)

    @Argument(help: "A folder that attune backup made.") var backup: String
    @Option(help: "Which state; the newest if it is left out. attune backup --verify lists them.") var state: Int?
    @Flag(help: "Open the backup with the recovery words, which are asked for.") var recovery = false
    @Option(help: "A file with the recovery words.") var wordsFile: String?
    @Flag(help: "Also of a damaged state: what is whole, without what is lost.") var damaged = false
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        let store = global.paths.store.path
        let backup = try opened()
        if let remark = backup.remark { global.console.note(remark) }
        let line = ProgressLine(console: global.console)
        if damaged {
            let report = try backup.salvage(asStoreAt: store, state: state) { line.show($0) }
            line.end()
            return try SalvageOutput(report, of: "the backup").show(on: global.console) {
                sayWhatIsNext(report.store, isInCircle: report.circle == .kept)
            }
        }
        let report = try backup.restore(asStoreAt: store, state: state) { line.show($0) }
        line.end()
        if global.json { return try global.console.print(Restored(report)) }
        global.console.say(
            "Store ready: \(report.store), as it was \(Format.ago(report.made)): "
                + "\(Quantity.counted(report.versions, "version")) in \(Quantity.counted(report.chunks, "chunk")) checked"
        )
        sayWhatIsNext(report.store, isInCircle: report.isInCircle)
    }

    private func sayWhatIsNext(_ store: String, isInCircle: Bool) {
        if recovery || wordsFile != nil {
            global.console.note("set a passphrase: attune key recover --store \(ShellWord.quoted(store))")
        }
        if isInCircle {
            global.console.note(
                "It is the same device of your circle as the store that was backed up, so use one of the two only; "
                    + "attune sync now brings back what it published since.")
        }
    }

    private func opened() throws -> StoreBackup {
        guard recovery || wordsFile != nil else { return try StoreBackup(at: backup, key: global.keySource) }
        return try StoreBackup(at: backup, words: global.recoveryWords(file: wordsFile))
    }

    private struct Restored: Encodable {
        let schema = 1
        let store: String
        let state: Int
        let made: Date
        let versions: Int
        let chunks: Int
        let bytes: Int

        init(_ report: RestoreReport) {
            store = report.store
            state = report.state
            made = report.made
            versions = report.versions
            chunks = report.chunks
            bytes = report.bytes
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

extension SyncCommand {
    struct Settle: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at what does not fit together in the circle's logs, and settle it.",
            discussion: """
                Each piece names the device that said it and the device it is about: a device can say anything about \
                another one's log, and only the first of them is to blame for a lie. What a device said is settled by \
                itself once that device is shut out: attune devices revoke NAME.
                """)
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let workspace = try global.open(.writing)
            let doubts = try workspace.openDoubts()
            if !global.json {
                for doubt in doubts {
                    console.print("\(doubt.sentence), shown by \(doubt.remote)")
                    if doubt.stopsNames { console.print("  no name moves by itself until this is settled") }
                }
            }
            guard !doubts.isEmpty else {
                if global.json { return try console.print(Settled(doubts: [], settled: 0)) }
                return console.note("nothing is open")
            }
            if global.json, !global.canAsk, !global.yes {
                return try console.print(Settled(doubts: doubts, settled: 0))
            }
            let what = doubts.count == 1 ? "this" : "these \(doubts.count)"
            guard try global.agrees("Settle \(what)?", to: "settling") else { return }
            let count = try workspace.settle(doubts)
            if global.json { return try console.print(Settled(doubts: doubts, settled: count)) }
            try global.done("\(Quantity.counted(count, "piece")) settled")
        }

        private struct Settled: Encodable {
            let schema = 1
            let doubts: [SyncStatus.Doubt]
            let settled: Int
        }
    }
    struct Undo: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Undo what a device did to names, heads and the trash.",
            discussion: """
                Without --after, shows what the device did, entry by entry. With it, gives everything the name, the head \
                and the place that it would have without the later entries; the other devices follow at the next sync. \
                For a device in the wrong hands, shut it out first: attune devices revoke NAME.
                """)
        @Argument(help: "Its name or fingerprint; it need not be in the circle any more.") var device: String
        @Option(help: "The number of the last entry that is not undone; 0 to undo all.") var after: UInt64?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let workspace = try global.open(after == nil ? .reading : .writing)
            let found = try workspace.deviceOrFormer(named: device)
            let deeds = try workspace.deeds(of: found).filter { $0.seq > after ?? 0 }
            guard let after else {
                if global.json { return try console.print(Undone(deeds: deeds, done: [])) }
                var table = Table(["ENTRY", "CAME", "WHAT"])
                for deed in deeds {
                    table.add(["\(deed.seq)", deed.arrived.map { Format.ago($0) } ?? "-", deed.deed])
                }
                guard !deeds.isEmpty else { return console.note("\(found.label) did nothing that is known here") }
                return console.print(table)
            }
            console.note(
                "\(found.name) (\(found.fingerprint)): \(deeds.count) \(deeds.count == 1 ? "entry" : "entries") to undo"
            )
            guard try global.agrees("Undo what they did?", to: "undoing") else { return }
            let done = try workspace.undoDeeds(of: found, after: after)
            if global.json { return try console.print(Undone(deeds: deeds, done: done)) }
            for line in done { console.print(line) }
            if done.isEmpty { console.note("nothing here is otherwise for it") }
        }

        private struct Undone: Encodable {
            let schema = 1
            let deeds: [DeviceDeed]
            let done: [String]
        }
    }
}

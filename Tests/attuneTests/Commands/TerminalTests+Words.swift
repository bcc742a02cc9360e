// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Words that are shown and asked for at a terminal.
extension TerminalTests {
    /// Types Ctrl-C, which ends the command at once with 130 and leaves the terminal as it was.
    private func interrupt(
        _ terminal: borrowing Terminal, saying words: String..., at location: SourceLocation = #_sourceLocation
    ) throws {
        let start = ContinuousClock.now
        try terminal.type("C-c")
        let screen = try terminal.wait(for: "[ended 130]", location)
        #expect(ContinuousClock.now - start < .seconds(5), sourceLocation: location)
        #expect(screen.contains("\necho\n"), "the terminal shows what is typed", sourceLocation: location)
        for text in words { #expect(screen.contains(text), "\(screen)", sourceLocation: location) }
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func controlCWhereRecoveryWordsAreAskedBackEndsAtOnce() throws {
        let store = try TinyStore()
        let new = TinyStore(store, with: "ATTUNE_STORE", store.attune.home.path + "/new")
        let making = try Terminal(new, "init --base tiny")
        _ = try making.wait(for: "Word ")
        try interrupt(making, saying: "E-GENERAL-002", "attune key show --new-recovery")
        // The store is there, and opens.
        try new.expect("status", exits: 0)

        let before = try Data(contentsOf: URL(filePath: store.attune.store + "/vault.key"))
        let replacing = try Terminal(store, "key show --new-recovery")
        _ = try replacing.wait(for: "Replace the recovery words?")
        try replacing.type("y", "Enter")
        _ = try replacing.wait(for: "Word ")
        try interrupt(replacing, saying: "nothing has changed")
        #expect(try Data(contentsOf: URL(filePath: store.attune.store + "/vault.key")) == before)
        // The end of the input confirms nothing either.
        let ending = try Terminal(store, "key show --new-recovery")
        _ = try ending.wait(for: "Replace the recovery words?")
        try ending.type("y", "Enter")
        _ = try ending.wait(for: "Word ")
        try ending.type("C-d")
        _ = try ending.wait(for: "[ended 130]")
        #expect(try Data(contentsOf: URL(filePath: store.attune.store + "/vault.key")) == before)
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func controlCWhereRecoveryWordsAreTypedUnseenEndsAtOnce() throws {
        let terminal = try Terminal(try TinyStore(), "key recover")
        _ = try terminal.wait(for: "Recovery words:")
        try terminal.type("abandon ability")
        try interrupt(terminal, saying: "E-KEY-025")
    }

    /// The rest of a list in several lines, or a second try for which nobody asked.
    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func whatIsTypedAfterAWrongPassphraseIsNoCommandOfTheShell() throws {
        let store = TinyStore(try TinyStore(), without: "ATTUNE_KEY_FILE")
        try FileManager.default.removeItem(atPath: store.attune.store)
        // A try takes as long as with a store that a person makes.
        try Vault.create(at: store.attune.store, passphrase: TinyStore.passphrase, recovery: .random()).close()
        for command in ["status", "doctor"] {
            let terminal = try Terminal(store, command)
            _ = try terminal.wait(for: "Passphrase:")
            try terminal.type("wrong", "Enter")
            try terminal.type("wrong again", "Enter")
            let screen = try terminal.wait(for: "[a shell would read:")
            #expect(screen.contains("E-KEY-001"), "\(screen)")
            #expect(screen.contains("[ended 12]"), "\(screen)")
            #expect(screen.contains("[a shell would read: ]"), "\(screen)")
        }
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"), arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT])
    func aSignalWhereWordsAreTypedUnseenLeavesTheTerminalAsItWas(signal: Int32) throws {
        let store = try TinyStore()
        let terminal = try Terminal(store, "key recover")
        _ = try terminal.wait(for: "Recovery words:")
        try terminal.type("abandon ability")
        let sent = try store.attune.shell(
            "pkill -\(signal) -P $(tmux -L \(terminal.socket) display-message -p '#{pane_pid}')")
        try #require(sent.status == 0, "\(sent.errors)")
        let screen = try terminal.wait(for: "[ended \(128 + signal)]")
        #expect(screen.contains("\necho\n"), "the terminal shows what is typed")
        #expect(!screen.contains("abandon"))
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func controlCWhereTwoScreensAreComparedEndsAtOnceOnBoth() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        let adding = try loft.attune.start(["devices", "add", "--listen", "127.0.0.1:0", "--yes", "--json"])
        let shown = try SyncCircle.object(try #require(adding.readLine()))
        let address = try #require(shown["listen"] as? String)
        let code = try loft.outside.write(try #require(shown["code"] as? String), to: "code")
        let terminal = try Terminal(
            desk, "devices join --direct \(address) --code-file \(code) --name desk", columns: 50)
        let screen = try terminal.wait(for: "Same on the other screen")
        #expect(screen.contains("Both screens must show:"))
        try interrupt(terminal)
        _ = adding.remainingLines()
        #expect(try adding.wait(limit: 60) != .exit(0))
        #expect(try SyncCircle.devices(loft).count == 1, "nobody was let in")
    }

    /// Each word stands beside its number, however narrow the terminal is.
    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"), arguments: [30, 50, 80])
    func recoveryWordsStandBesideTheirNumbers(columns: Int) throws {
        let store = try TinyStore()
        let terminal = try Terminal(store, "key show --new-recovery", columns: columns, lines: 60)
        _ = try terminal.wait(for: "Replace the recovery words?")
        try terminal.type("y", "Enter")
        let screen = try terminal.wait(for: "Word ")
        let numbers = screen.split(separator: "\n").flatMap { line in
            line.matches(of: /(\d+)\.\s[a-z]{3,8}(?=\s|$)/).compactMap { Int($0.output.1) }
        }
        #expect(numbers.sorted() == Array(1...24), "\(screen)")
        let isOfWords = screen.split(separator: "\n").filter { $0.firstMatch(of: /^\s+\d+\.\s/) != nil }
        #expect(isOfWords.allSatisfy { $0.wholeMatch(of: /(\s+\d+\.\s[a-z]{3,8})+\s*/) != nil }, "\(screen)")
        try interrupt(terminal)
    }

    /// Where a row of a table is a paragraph, what belongs together is in one line.
    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func cellsOfANarrowTableAreNotBroken() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        try SyncCircle.pairDirectly(loft, desk, name: "a-device-with-a-rather-long-name")
        for columns in [40, 50] {
            let terminal = try Terminal(loft, "devices list", columns: columns)
            let screen = try terminal.wait(for: "[ended 0]")
            let lines = screen.split(separator: "\n").filter { $0.hasPrefix("  ") }
            #expect(lines.count >= 2)
            for line in lines {
                for cell in line.dropFirst(2).split(separator: ", ") {
                    let isWhole = ["fingerprint ", "last received ", "route ", "entries ", "state "].contains {
                        cell.hasPrefix($0)
                    }
                    #expect(isWhole, "\(screen)")
                }
            }
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit
import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Sessions at a real terminal, which `tmux` provides.
@Suite struct TerminalTests {
    static let hasTerminal = (try? AttuneProcess().shell("command -v tmux"))?.status == 0

    /// A terminal of its own that runs one command.
    struct Terminal: ~Copyable {
        let store: TinyStore
        let socket = "attune-test-\(UUID().uuidString)"

        init(_ store: TinyStore, _ arguments: String, columns: Int = 100, lines: Int = 30) throws {
            self.store = store
            try store.outside.write(
                """
                trap : INT
                export TERM=screen
                "$ATTUNE" \(arguments)
                code=$?
                stty -a | tr -s '; ' '\\n' | grep -x -e 'echo' -e '-echo'
                echo "[ended $code]"
                IFS= read -r -t 1 left
                echo "[a shell would read: $left]"
                sleep 60
                """,
                to: "session.sh")
            let made = try store.attune.shell(
                "tmux -L \(socket) -f /dev/null new-session -d -x \(columns) -y \(lines) 'bash \(store.outside.path)/session.sh'"
            )
            try #require(made.status == 0, "\(made.errors)")
        }

        deinit { _ = try? store.attune.shell("tmux -L \(socket) kill-server") }

        /// The screen with what the terminal broke joined again.
        func joined() throws -> String {
            try store.attune.shell("tmux -L \(socket) capture-pane -p -J").output
        }

        func type(_ keys: String...) throws {
            let words = keys.map { "'\($0)'" }.joined(separator: " ")
            _ = try store.attune.shell("tmux -L \(socket) send-keys \(words)")
        }

        /// Waits until the screen shows a text; the screen as it then is.
        func wait(for text: String, _ location: SourceLocation = #_sourceLocation) throws -> String {
            var screen = ""
            for _ in 0..<400 {
                screen = try store.attune.shell("tmux -L \(socket) capture-pane -p").output
                if screen.contains(text) { return screen }
                usleep(50_000)
            }
            Issue.record("the screen never showed \(text): \(screen)", sourceLocation: location)
            return screen
        }
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func aChatIsHeldAtATerminal() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        let terminal = try Terminal(store, "chat notes --max 6 --temp 0")
        _ = try terminal.wait(for: "/help for what can be typed")
        try terminal.type("boat?", "Enter")
        _ = try terminal.wait(for: "prompt tokens reused")
        try terminal.type("/scale 0", "Enter")
        _ = try terminal.wait(for: "notes@1 ×0")
        try terminal.type("C-d")
        _ = try terminal.wait(for: "[ended 0]")
        #expect(try store.vault().chats.all().first?.messages == 2)
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func controlCLeavesAChatThatWaitsForAQuestion() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        let terminal = try Terminal(store, "chat notes --max 6 --temp 0")
        _ = try terminal.wait(for: "/help for what can be typed")
        try terminal.type("boat?", "Enter")
        // Until the next prompt is there, Ctrl-C ends the answer only.
        _ = try terminal.wait(for: "prompt tokens reused\n>")
        try terminal.type("C-c")
        _ = try terminal.wait(for: "[ended 130]")
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func trainingAsksFirstShowsABarAndSavesOnControlC() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(100)
        let words = TinyStore.training(rows, name: "notes", epochs: "900").filter { $0 != "--yes" && $0 != "--jsonl" }
        let terminal = try Terminal(store, words.joined(separator: " "))
        _ = try terminal.wait(for: "Start? [Y/n]")
        try terminal.type("y", "Enter")
        let screen = try terminal.wait(for: "tok/s  mem")
        #expect(screen.contains("elapsed"))
        try terminal.type("C-c")
        let saved = try terminal.wait(for: "saved run")
        #expect(saved.contains("finishing this step"))
        _ = try terminal.wait(for: "[ended 130]")
        #expect(try store.vault().runs.all().first?.state == .interrupted)
    }

    /// Words that fit are not broken where the terminal ends, in tables neither.
    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"), arguments: [50, 80])
    func nothingIsBrokenOnANarrowTerminal(columns: Int) throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "a-name-that-takes-quite-some-room")
        let vault = try store.vault(.writing)
        try Workspace(paths: Paths(store: store.attune.store), vault: vault).beginCircle(
            named: "the machine in the loft", paper: nil)
        try vault.close()
        for command in [
            "explain privacy", "explain formats", "explain environment", "devices list", "adapters list", "runs list",
            "doctor", "status", "sync status", "sync now", "sync now --direct 127.0.0.1:1",
            "sync delete --yes --no-input",
            "key show", "key show --new-recovery --yes", "adapters show nothing", "devices revoke nothing --yes",
            "doctor --accept-older --yes", "undo --list", "base list",
        ] {
            let terminal = try Terminal(store, command, columns: columns, lines: 120)
            _ = try terminal.wait(for: "[ended")
            for line in try terminal.joined().split(separator: "\n") where line.count > columns {
                let shown = Array(line)
                for end in stride(from: columns, to: shown.count, by: columns)
                where shown[end] != " " && shown[end - 1] != " " {
                    let word =
                        shown[..<end].reversed().prefix { $0 != " " }.count + shown[end...].prefix { $0 != " " }.count
                    #expect(word > columns - 12, "attune \(command): \(line)")
                }
            }
        }
    }

    /// What moves something to the trash is asked about, as by `adapters rm`; the rest of undoing is not.
    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func undoingATrainingAsksBeforeItMovesItsVersionToTheTrash() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        for (answer, rest) in [("n", ["notes@1"]), ("y", [])] {
            let terminal = try Terminal(store, "undo")
            _ = try terminal.wait(for: "and move notes to the trash? [y/N]")
            try terminal.type(answer, "Enter")
            _ = try terminal.wait(for: "[ended 0]")
            #expect(try store.versions().keys.sorted() == rest, "\(answer)")
        }
        try store.expect("adapters", "restore", "notes", exits: 0)
        try store.expect("adapters", "rename", "notes", "letters", exits: 0)
        let terminal = try Terminal(store, "undo")
        #expect(try terminal.wait(for: "[ended 0]").contains("undone: rename notes to letters"))
        #expect(try store.versions().keys.sorted() == ["notes@1"])
        // Nobody is asked where nobody can answer.
        let undone = try store.expect("undo", exits: 0).output
        #expect(undone.contains("notes is in the trash"), "\(undone)")
        #expect(try store.versions().isEmpty)
    }

    @Test(.enabled(if: Self.hasTerminal, "tmux is not installed"))
    func aPassphraseIsTypedUnseen() throws {
        var store = try TinyStore()
        store = TinyStore(store, without: "ATTUNE_KEY_FILE")
        let terminal = try Terminal(store, "status")
        _ = try terminal.wait(for: "Passphrase:")
        try terminal.type(AttuneProcess.passphrase, "Enter")
        let screen = try terminal.wait(for: "[ended 0]")
        #expect(!screen.contains("correct horse"))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// Sessions at a real terminal, which `tmux` provides.
@Suite struct TerminalTests {
    static let hasTerminal = (try? AttuneProcess().shell("command -v tmux"))?.status == 0

    /// A terminal of its own, 100 columns by 30 lines, that runs one command.
    private struct Terminal: ~Copyable {
        let store: TinyStore
        let socket = "attune-test-\(UUID().uuidString)"

        init(_ store: TinyStore, _ arguments: String) throws {
            self.store = store
            try store.outside.write(
                "trap : INT\nexport TERM=screen\n\"$ATTUNE\" \(arguments)\necho \"[ended $?]\"\nsleep 60\n",
                to: "session.sh")
            let made = try store.attune.shell(
                "tmux -L \(socket) -f /dev/null new-session -d -x 100 -y 30 'bash \(store.outside.path)/session.sh'")
            try #require(made.status == 0, "\(made.errors)")
        }

        deinit { _ = try? store.attune.shell("tmux -L \(socket) kill-server") }

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
        #expect(try store.vault().chats().first?.messages == 2)
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
        #expect(try store.vault().runs().first?.state == .interrupted)
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

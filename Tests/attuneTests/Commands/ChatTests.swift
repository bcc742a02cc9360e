// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import AttuneVault
import Foundation
import Testing

/// `attune chat` through a pipe: commands, history, and what the store shows of it to others.
@Suite struct ChatTests {
    private static func store() throws -> TinyStore {
        let store = try TinyStore()
        try store.train(try store.writeRows(20), name: "notes")
        return store
    }

    private static let chat = ["chat", "notes", "--max", "6", "--temp", "0"]

    @Test func slashCommandsAreObeyed() throws {
        let store = try Self.store()
        let result = try store.expect(
            Self.chat, exits: 0,
            input:
                "/help\n/scale 0.5\n/scale much\n/compare\nboat?\n/compare\n/adapter off\n/adapter nobody\n/undo\n/nothing\n/quit\nnot read\n"
        )
        for word in ["/adapter NAME", "/scale X", "/compare", "/undo", "base: "] {
            #expect(result.output.contains(word), "\(result.output)")
        }
        for word in ["×0.5", "takes a number", "compare is on", "compare is off", "base alone", "nobody", "/nothing"] {
            #expect(result.errors.contains(word), "\(word): \(result.errors)")
        }
        #expect(try store.vault().chats.all().allSatisfy { $0.messages == 0 })
    }

    @Test func historyGoesOnAndStaysSealed() throws {
        let store = try Self.store()
        try store.expect(Self.chat, exits: 0, input: "marzipan-question one\nmarzipan-question two\n")
        let again = try store.expect(Self.chat + ["-c"], exits: 0, input: "marzipan-question three\n/undo\n")
        #expect(again.errors.contains("2 questions"), "\(again.errors)")
        try store.expect(Self.chat, exits: 0, input: "marzipan-question four\n")
        try store.expect(Self.chat + ["--no-save"], exits: 0, input: "marzipan-question five\n")
        let vault = try store.vault()
        let chats = try vault.chats.all()
        #expect(chats.count == 2)
        let asked = try chats.map { chat in
            try vault.chats.messages(of: chat.id).filter { $0.role == .user }.map(\.content)
        }
        #expect(asked == [["marzipan-question one", "marzipan-question two"], ["marzipan-question four"]])
        #expect(try vault.chats.messages(of: chats[0].id).map(\.role) == [.user, .assistant, .user, .assistant])
        // The search finds what is there to be found.
        try store.outside.write([0, 0xFF] + Array("xmarzipany".utf8), to: "planted/file")
        #expect(try PlaintextSearch.find(["marzipan"], below: store.outside.path + "/planted").count == 1)
        let found = try PlaintextSearch.find(["marzipan"], below: store.attune.home.path)
        #expect(found.isEmpty, "\(found)")
    }

    @Test func keysAndValuesAreKeptAsAsked() throws {
        let store = try Self.store()
        let ask = ["ask", "notes", "boat?", "--max", "6", "--temp", "0", "--kv-cache"]
        let texts = try ["f32", "f16"].map { try store.expect(ask + [$0], exits: 0).output }
        #expect(texts.allSatisfy { !$0.isEmpty })
        // Heads of the tiny base have 8 elements, a block has 32.
        for command in [ask + ["q8_0"], Self.chat + ["--kv-cache", "q8_0"]] {
            let refused = try store.expect(command, exits: 64)
            #expect(refused.errors.contains("--kv-cache f16"), "\(refused.errors)")
        }
        try store.expect(ask + ["q4_0"], exits: 64)
        let help = try store.expect(["help", "chat"], exits: 0).output
        #expect(help.contains("--kv-cache"), "\(help)")
        #expect(help.contains("q8_0"), "\(help)")
    }

    @Test func aQuestionLongerThanTheContextIsRefusedAndTheChatGoesOn() throws {
        let store = try Self.store()
        let long = String(repeating: "zq", count: 1000)
        let result = try store.expect(Self.chat, exits: 0, input: "\(long)\nboat?\n")
        #expect(result.errors.contains("E-DECODE-001"), "\(result.errors.prefix(300))")
        let vault = try store.vault()
        #expect(try vault.chats.messages(of: try #require(vault.chats.all().first).id).count == 2)
    }

    @Test func theSystemMessageIsKept() throws {
        let store = try Self.store()
        try store.expect(Self.chat + ["--system", "Answer in rhyme."], exits: 0, input: "boat?\n")
        let vault = try store.vault()
        let messages = try vault.chats.messages(of: try #require(vault.chats.all().first).id)
        #expect(messages.map(\.role) == [.system, .user, .assistant])
    }

    @Test func aChatOutlivesAnotherWriterAndKeepsItsMessagesLater() throws {
        let store = try Self.store()
        let waiting = store.outside.path + "/pipe"
        #expect(mkfifo(waiting, 0o600) == 0)
        let result = try store.attune.shell(
            """
            exec 3<>'\(waiting)'
            "$ATTUNE" chat notes --max 4 --temp 0 <&3 2>"$HOME/tmp/told" & chat=$!
            echo 'boat?' >&3
            while ! "$ATTUNE" status --json | grep -q '"chats":1'; do kill -0 $chat || exit 9; done
            while ! grep -q 'reused' "$HOME/tmp/told"; do kill -0 $chat || exit 9; done
            exec 4>>"$ATTUNE_STORE/lock"
            flock 4
            echo 'garden?' >&3
            while ! grep -q 'not kept yet' "$HOME/tmp/told"; do kill -0 $chat || exit 9; done
            flock -u 4
            echo '/quit' >&3
            wait $chat
            """)
        #expect(result.end == .exit(0), "\(result.errors)")
        let vault = try store.vault()
        let chat = try #require(vault.chats.all().first)
        #expect(try vault.chats.messages(of: chat.id).map(\.role) == [.user, .assistant, .user, .assistant])
    }

    @Test func anotherProcessMayWriteWhileAChatWaits() throws {
        let store = try Self.store()
        // The chat waits at the end of a pipe that nobody writes to, having given the lock back.
        let waiting = store.outside.path + "/pipe"
        #expect(mkfifo(waiting, 0o600) == 0)
        let result = try store.attune.shell(
            """
            exec 3<>'\(waiting)'
            "$ATTUNE" chat notes --max 4 --temp 0 <&3 & chat=$!
            echo 'boat?' >&3
            while ! "$ATTUNE" status --json | grep -q '"chats":1'; do kill -0 $chat || exit 9; done
            "$ATTUNE" adapters label notes@1 early || exit 8
            echo 'garden?' >&3
            echo '/quit' >&3
            wait $chat
            """)
        #expect(result.end == .exit(0), "\(result.errors)")
        let vault = try store.vault()
        #expect(try #require(vault.chats.all().first).messages == 4)
        #expect(try vault.versions.fetch("notes:early").number == 1)
    }
}

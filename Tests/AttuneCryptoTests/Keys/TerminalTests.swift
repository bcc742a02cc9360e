// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import AttuneCrypto

/// Passphrases typed at a terminal of the test's own.
@Suite struct TerminalTests {
    /// Types each answer once a prompt (it ends with a colon) is there; returns the result and all that was shown.
    private func ask(_ answers: [String], confirm: String? = nil) throws -> (
        result: Result<[UInt8], any Error>, shown: String
    ) {
        let (master, terminal) = try Self.openTerminal()
        nonisolated(unsafe) var shown: [UInt8] = []
        let typist = Thread {
            var buffer = [UInt8](repeating: 0, count: 1024)
            var next = 0
            while true {
                let count = read(master, &buffer, buffer.count)
                if count <= 0 { return }
                shown += buffer[..<count]
                let prompts = shown.count(where: { $0 == UInt8(ascii: ":") })
                while next < min(prompts, answers.count) {
                    _ = write(master, answers[next], answers[next].utf8.count)
                    next += 1
                }
            }
        }
        typist.start()
        let result = Result { try Passphrase.read(prompt: "Passphrase:", confirm: confirm, terminal: terminal).exposed }
        close(terminal)
        while !typist.isFinished { usleep(1000) }
        close(master)
        return (result, String(decoding: shown, as: UTF8.self))
    }

    /// Both ends of a fresh terminal; `openpty` is in the C library, but not in its Swift module.
    private static func openTerminal() throws -> (master: Int32, terminal: Int32) {
        typealias OpenPTY =
            @convention(c) (
                UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int32>, UnsafeRawPointer?, UnsafeRawPointer?,
                UnsafeRawPointer?
            ) -> Int32
        let openPTY = unsafeBitCast(try #require(dlsym(nil, "openpty")), to: OpenPTY.self)
        var (master, terminal): (Int32, Int32) = (-1, -1)
        try #require(openPTY(&master, &terminal, nil, nil, nil) == 0)
        return (master, terminal)
    }

    /// A list that is pasted in lines comes in pieces.
    @Test func whatStillComesAfterAWrongAnswerIsDropped() throws {
        let (master, terminal) = try Self.openTerminal()
        defer { for end in [master, terminal] { close(end) } }
        let typist = Thread {
            for _ in 0..<5 {
                _ = write(master, "words\n", 6)
                usleep(30_000)
            }
        }
        typist.start()
        Passphrase.dropTyped(at: terminal)
        #expect(typist.isFinished)
        var left = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        #expect(poll(&left, 1, 100) == 0)
        var settings = termios()
        try #require(tcgetattr(terminal, &settings) == 0)
        #expect(settings.c_lflag & tcflag_t(ECHO) != 0)
    }

    @Test func whatIsTypedIsTakenAndNotShown() throws {
        let (result, shown) = try ask(["open sesame\n"])
        #expect(try result.get() == Array("open sesame".utf8))
        #expect(shown == "Passphrase:\r\n")
    }

    @Test func backspaceTakesACharacterAndControlUTheLine() throws {
        #expect(try ask(["wrong\u{15}caf\u{e9}s\u{7f}\u{7f}e\n"]).result.get() == Array("cafe".utf8))
    }

    @Test func bothAnswersHaveToAgree() throws {
        let (result, shown) = try ask(["one\n", "two\n", "three\n", "three\n"], confirm: "Again:")
        #expect(try result.get() == Array("three".utf8))
        #expect(shown.contains("differ"))
        let different = try ask(["1\n", "2\n", "1\n", "2\n", "1\n", "2\n"], confirm: "Again:").result
        #expect(errorCode { _ = try different.get() } == "E-KEY-023")
    }

    @Test func controlCAndAnEmptyLineAreErrors() throws {
        let interrupted = try ask(["abc\u{3}"]).result
        #expect(errorCode { _ = try interrupted.get() } == "E-KEY-025")
        let empty = try ask(["\n"]).result
        #expect(errorCode { _ = try empty.get() } == "E-KEY-021")
    }

    @Test func aPipeIsNoTerminal() {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        #expect(errorCode { _ = try Passphrase.read(prompt: "", confirm: nil, terminal: ends[0]) } == "E-KEY-020")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import CSodium
import Glibc
import Synchronization

extension Passphrase {
    /// Asks at the controlling terminal without echo; nothing is shown, not even how much was typed.
    ///
    /// Backspace takes back a character, Control-U the line. Input may be redirected: the terminal is opened by itself.
    ///
    /// - Parameters:
    ///   - prompt: shown as it is, such as `Passphrase: `.
    ///   - confirm: a second prompt; both answers have to agree, and there are three tries. Nil asks once.
    /// - Throws: `CryptoError` E-KEY-020 (no terminal), E-KEY-021 (nothing typed), E-KEY-022 (too long), E-KEY-023 (the
    ///   answers differ), E-KEY-025 (Control-C, or a signal that ends the program).
    package static func read(prompt: String, confirm: String? = nil) throws -> SecretBytes {
        try controlling {
            hasAsked.store(true, ordering: .relaxed)
            return try read(prompt: prompt, confirm: confirm, terminal: $0)
        }
    }

    /// Asks at an open terminal, which stays open.
    package static func read(prompt: String, confirm: String?, terminal: Int32) throws -> SecretBytes {
        try unseen(at: terminal) { signals in
            guard let confirm else { return try line(prompt, terminal, signals) }
            for _ in 0..<3 {
                let first = try line(prompt, terminal, signals)
                let second = try line(confirm, terminal, signals)
                if first.isEqual(to: second) { return first }
                tcflush(terminal, TCIFLUSH)
                show("They differ. Try again.\n", terminal)
            }
            throw CryptoError.answersDiffer
        }
    }

    /// Drops what is still typed or pasted after an answer that was wrong, so that no shell takes it for a command.
    ///
    /// Does nothing unless this process has asked at the controlling terminal.
    package static func dropTyped() {
        guard hasAsked.load(ordering: .relaxed) else { return }
        try? controlling { terminal in
            // Whoever is in the background is stopped at the first change of the terminal.
            if tcgetpgrp(terminal) == getpgrp() { dropTyped(at: terminal) }
        }
    }

    /// Waits until nothing has come for a tenth of a second, and no longer than a second.
    static func dropTyped(at terminal: Int32) {
        try? unseen(at: terminal) { signals in
            let end = ContinuousClock.now + .seconds(1)
            while ContinuousClock.now < end, signals.isReadable(before: terminal, within: 100) {
                guard tcflush(terminal, TCIFLUSH) == 0 else { return }
            }
        }
    }

    /// Whether this process has asked at the controlling terminal.
    private static let hasAsked = Atomic<Bool>(false)

    private static func controlling<Value: ~Copyable>(_ body: (Int32) throws -> Value) throws -> Value {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { throw CryptoError.noTerminal }
        defer { close(terminal) }
        return try body(terminal)
    }

    /// Runs `body` while the terminal shows nothing; what it has not read by its end is dropped.
    private static func unseen<Value: ~Copyable>(
        at terminal: Int32, _ body: (HeldSignals) throws -> Value
    ) throws -> Value {
        var before = termios()
        guard tcgetattr(terminal, &before) == 0 else { throw CryptoError.noTerminal }
        var quiet = before
        // Control characters come as bytes, of which Control-C is one.
        quiet.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | ISIG)
        quiet.c_iflag |= tcflag_t(ICRNL)
        withUnsafeMutableBytes(of: &quiet.c_cc) { controls in
            controls[Int(VMIN)] = 1
            controls[Int(VTIME)] = 0
        }
        let signals = try HeldSignals()
        // After the echo is on again the signal does what it would have done.
        defer { signals.release() }
        guard tcsetattr(terminal, TCSAFLUSH, &quiet) == 0 else { throw CryptoError.noTerminal }
        defer { tcsetattr(terminal, TCSAFLUSH, &before) }
        return try body(signals)
    }

    private static func line(_ prompt: String, _ terminal: Int32, _ signals: HeldSignals) throws -> SecretBytes {
        show(prompt, terminal)
        defer { show("\n", terminal) }
        var buffer = SecretBytes(count: 4096)
        var used = 0
        while true {
            var byte: UInt8 = 0
            defer { sodium_memzero(&byte, 1) }
            guard signals.isReadable(before: terminal) else { throw CryptoError.interrupted }
            let count = Glibc.read(terminal, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw CryptoError.noTerminal }
            switch byte {
            case UInt8(ascii: "\n"), 0x04:
                guard used > 0 else { throw CryptoError.emptyPassphrase }
                return buffer.prefix(used)
            case 0x03: throw CryptoError.interrupted
            case 0x15: used = 0
            case 0x08, 0x7f: used = buffer.withUnsafeBytes { startOfLastCharacter($0, used) }
            default:
                guard used < buffer.count else { throw CryptoError.longPassphrase }
                let value = byte
                buffer.withUnsafeMutableBytes { $0[used] = value }
                used += 1
            }
        }
    }

    /// The place of the last character's first byte: UTF-8 continuation bytes start with binary 10.
    private static func startOfLastCharacter(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> Int {
        var place = max(count - 1, 0)
        while place > 0, bytes[place] & 0xc0 == 0x80 { place -= 1 }
        return place
    }

    private static func show(_ text: String, _ terminal: Int32) {
        let bytes = Array(text.utf8)
        _ = write(terminal, bytes, bytes.count)
    }
}

/// Signals that end the program, kept back while a terminal shows nothing of what is typed.
private final class HeldSignals {
    private static let numbers = [SIGTERM, SIGHUP, SIGINT, SIGQUIT]
    /// Where the handler writes: to who asked last.
    private static let end = Atomic<Int32>(-1)
    /// How many ask, and what the signals did before the first of them.
    private static let holders = Mutex<(count: Int, before: [sigaction])>((0, []))
    private var pipe: [Int32] = [-1, -1]

    /// - Throws: `CryptoError` E-KEY-020 if there is no pipe left.
    init() throws {
        guard pipe2(&pipe, O_CLOEXEC | O_NONBLOCK) == 0 else { throw CryptoError.noTerminal }
        Self.end.store(pipe[1], ordering: .sequentiallyConsistent)
        Self.holders.withLock { holders in
            holders.count += 1
            guard holders.count == 1 else { return }
            holders.before = Self.numbers.map { number in
                var (held, before) = (sigaction(), sigaction())
                held.__sigaction_handler.sa_handler = { number in
                    let before = errno
                    var byte = UInt8(truncatingIfNeeded: number)
                    _ = write(HeldSignals.end.load(ordering: .sequentiallyConsistent), &byte, 1)
                    errno = before
                }
                sigaction(number, &held, &before)
                return before
            }
        }
    }

    /// Waits for what is typed; false if a signal came first, or nothing in time.
    ///
    /// - Parameter milliseconds: how long it waits; without end if negative.
    func isReadable(before terminal: Int32, within milliseconds: Int32 = -1) -> Bool {
        var waits = [terminal, pipe[0]].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&waits, 2, milliseconds) < 0 { guard errno == EINTR else { return true } }
        return waits[0].revents != 0 && waits[1].revents == 0
    }

    /// Puts back what the signals did and sends on what came.
    func release() {
        Self.holders.withLock { holders in
            holders.count -= 1
            guard holders.count == 0 else { return }
            for (number, before) in zip(Self.numbers, holders.before) {
                var before = before
                sigaction(number, &before, nil)
            }
        }
        var byte: UInt8 = 0
        let came = Glibc.read(pipe[0], &byte, 1) == 1
        for descriptor in pipe { close(descriptor) }
        if came { raise(Int32(byte)) }
    }
}

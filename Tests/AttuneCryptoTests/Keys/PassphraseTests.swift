// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneTestSupport
import Foundation
import Testing

@Suite struct PassphraseTests {
    @Test func oneLineBreakAtTheEndIsNotPartOfAPassphrase() throws {
        let folder = try TemporaryDirectory()
        for (content, expected) in [
            ("open sesame\n", "open sesame"), ("open sesame\r\n", "open sesame"), ("a\n\n", "a\n"), (" b ", " b "),
        ] {
            let path = try folder.write(content, to: "passphrase")
            #expect(try Passphrase.fromFile(path).exposed == Array(expected.utf8))
        }
    }

    @Test func emptyLongAndMissingFilesAreRefused() throws {
        let folder = try TemporaryDirectory()
        let empty = try folder.write("\n", to: "empty")
        let long = try folder.write([UInt8](repeating: 97, count: Passphrase.byteLimit + 1), to: "long")
        let fits = try folder.write([UInt8](repeating: 97, count: Passphrase.byteLimit) + [10], to: "fits")
        #expect(errorCode { _ = try Passphrase.fromFile(empty) } == "E-KEY-021")
        #expect(errorCode { _ = try Passphrase.fromFile(long) } == "E-KEY-022")
        #expect(errorCode { _ = try Passphrase.fromFile(folder.path + "/none") } == "E-FILE-003")
        #expect(try Passphrase.fromFile(fits).count == Passphrase.byteLimit)
    }

    @Test func aFileThatOthersMayReadIsExposed() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("x", to: "passphrase")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(!Passphrase.isExposed(path: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(Passphrase.isExposed(path: path))
    }

    @Test func aCommandGivesItsOutputOnlyIfItSucceeds() throws {
        #expect(try Passphrase.fromCommand("printf 'from a command\\n'").exposed == Array("from a command".utf8))
        #expect(errorCode { _ = try Passphrase.fromCommand("echo x; exit 3") } == "E-KEY-024")
        #expect(errorCode { _ = try Passphrase.fromCommand("true") } == "E-KEY-021")
        #expect(errorCode { _ = try Passphrase.fromCommand("head -c 200000 /dev/zero") } == "E-KEY-022")
    }

    @Test func aCommandInheritsNoDescriptorButTheThreeUsualOnes() throws {
        let open = try Passphrase.fromCommand("ls /proc/self/fd | tr '\\n' ' '").exposed
        // The fourth is the folder that ls itself reads.
        #expect(String(decoding: open, as: UTF8.self).split(separator: " ").count <= 4)
    }

    @Test func suggestionsHaveSixWordsAndDiffer() {
        let suggestion = Passphrase.suggestion()
        #expect(suggestion.split(separator: " ").count == 6)
        #expect(suggestion != Passphrase.suggestion())
    }
}

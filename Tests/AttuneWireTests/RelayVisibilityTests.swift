// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Compares `schemas/what-a-relay-sees.md` with the messages.
@Suite struct RelayVisibilityTests {
    private static let schemas = TestBase.tests.deletingLastPathComponent().appending(path: "schemas")

    private struct Field: Hashable {
        let message, type, name: String
        var row: String { "\(message).\(name)" }
    }

    /// Every field of every message, also of messages inside others.
    private static func fields() throws -> [Field] {
        let folder = schemas.appending(path: "attune/v1")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".proto") }
        return try files.sorted().flatMap { file in
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            var open: [String?] = []
            var found: [Field] = []
            for line in text.split(separator: "\n") {
                let code = line.prefix { $0 != "/" }.trimmingCharacters(in: .whitespaces)
                if let match = code.firstMatch(of: /^(message|oneof|enum) (\w+) \{/) {
                    open.append(match.1 == "enum" ? nil : match.1 == "oneof" ? open.last ?? nil : String(match.2))
                } else if code == "}" {
                    open.removeLast()
                } else if let match = code.firstMatch(of: /^(?:repeated |optional )?([\w.]+) (\w+) = \d+;/),
                    let message = open.last ?? nil
                {
                    let type = match.1.split(separator: ".").last.map(String.init) ?? ""
                    found.append(Field(message: message, type: type, name: String(match.2)))
                }
            }
            return found
        }
    }

    private static func page() throws -> (rows: [String], sealed: Set<String>) {
        let text = try String(contentsOf: schemas.appending(path: "what-a-relay-sees.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\| `(\w+\.\w+)` \| .+ \|$/).map { String($0.1) }
        }
        let last = try #require(text.range(of: "## Sealed"))
        return (rows, Set(text[last.upperBound...].matches(of: /`(\w+)`/).map { String($0.1) }))
    }

    @Test func everyFieldIsInTheTableOrSealed() throws {
        let (fields, (rows, sealed)) = (try Self.fields(), try Self.page())
        #expect(fields.count > 100)
        let plain = fields.filter { !sealed.contains($0.message) }.map(\.row)
        #expect(Set(rows).count == rows.count, "a field stands twice")
        #expect(Set(plain).subtracting(rows) == [], "not in the table")
        #expect(Set(rows).subtracting(plain) == [], "in the table, and no field that a relay can read")
        #expect(sealed.subtracting(fields.map(\.message)) == [], "no message")
    }

    /// What is sealed is nowhere part of something that is not.
    @Test func noMessageThatCanBeReadHoldsASealedOne() throws {
        let (fields, sealed) = (try Self.fields(), try Self.page().sealed)
        for field in fields where !sealed.contains(field.message) {
            #expect(!sealed.contains(field.type), "\(field.row) is a \(field.type)")
        }
        // And what is in the table can be reached from what travels.
        var reached: Set = ["SignedLink", "LinkBody", "SignedEntry", "EntryHeader", "PairingMessage"]
        reached.formUnion([
            "CreateCircle", "DeleteCircle", "Links", "Entries", "ChunkIDs", "Info", "Frontier", "PushResult",
            "Counters", "Problem",
            "Mailbox", "MailboxOpened",
        ])
        var count = 0
        while count < reached.count {
            count = reached.count
            reached.formUnion(fields.filter { reached.contains($0.message) }.map(\.type))
        }
        #expect(Set(fields.map(\.message)).subtracting(sealed).subtracting(reached) == [])
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Machines that met once by cable and are never online after: what they tell each other goes by file.
@Suite struct SyncFileTests {
    @Test func machinesThatAreNeverOnlineShareTrainMergeAndPartByFile() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        let tower = try TinyStore(outside: loft.outside)
        try SyncCircle.pairDirectly(loft, desk, name: "desk")
        try SyncCircle.pairDirectly(loft, tower, name: "tower")
        #expect(try SyncCircle.devices(desk) == ["desk", "loft"])

        // One trains, and the other answers with the same text.
        let rows = try loft.writeRows(40)
        try loft.train(rows, name: "notes")
        try Self.carry("notes", from: loft, to: desk, "desk")
        let answer = try SyncCircle.answer(loft, "notes")
        #expect(try SyncCircle.answer(desk, "notes") == answer)
        // The file told of the machine that came later.
        #expect(try SyncCircle.devices(desk) == ["desk", "loft", "tower"])

        // Both go on without knowing of each other; then both have both heads.
        try loft.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        try desk.train(rows, name: "notes", seed: 12, extra: ["--from", "notes"])
        try Self.carry("notes", from: loft, to: desk, "desk")
        try Self.carry("notes@2", from: desk, to: loft, "loft")
        let heads = try SyncCircle.heads(loft, "notes")
        #expect(heads.count == 2)
        #expect(try SyncCircle.heads(desk, "notes") == heads)

        // One settles it by the sum of both, and the other follows.
        try loft.expect("sync", "resolve", "notes", "--merge", exits: 0)
        try Self.carry("notes", from: loft, to: desk, "desk")
        #expect(try SyncCircle.heads(loft, "notes").count == 1)
        #expect(try SyncCircle.heads(desk, "notes") == SyncCircle.heads(loft, "notes"))
        let merged = try SyncCircle.answer(loft, "notes")
        #expect(try SyncCircle.answer(desk, "notes") == merged)
        try Self.carry("notes", from: loft, to: tower, "tower")
        #expect(try SyncCircle.answer(tower, "notes") == merged)

        // Several versions later: one file brings the machine up to date, and the name moves along.
        for seed in 21...22 { try loft.train(rows, name: "notes", seed: seed, extra: ["--from", "notes"]) }
        try Self.carry("notes", from: loft, to: desk, "desk")
        #expect(try SyncCircle.heads(desk, "notes") == SyncCircle.heads(loft, "notes"))

        // Shut out: nothing is sealed for that machine any more, and it opens nothing that is for others.
        let early = loft.outside.path + "/early.attune"
        try desk.expect("adapters", "export", "notes", early, "--encrypt-to", "tower", exits: 0)
        try loft.expect("devices", "revoke", "desk", "--yes", exits: 0)
        try loft.train(rows, name: "notes", seed: 31, extra: ["--from", "notes"])
        let file = loft.outside.path + "/refused.attune"
        try loft.expect("adapters", "export", "notes", file, "--encrypt-to", "desk", exits: 5)
        let kept = try desk.versions()
        let taken = try Self.carry("notes", from: loft, to: tower, "tower")
        try desk.expect("adapters", "import", taken, exits: 12)
        #expect(try desk.versions() == kept)
        #expect(try SyncCircle.answer(tower, "notes") == SyncCircle.answer(loft, "notes"))

        // The machine that was told of it by that file takes nothing from the one that was shut out.
        #expect(try SyncCircle.devices(tower) == ["loft", "tower"])
        let known = try tower.versions()
        let late = loft.outside.path + "/late.attune"
        try desk.train(rows, name: "notes", seed: 41, extra: ["--from", "notes"])
        try desk.expect("adapters", "export", "notes", late, "--encrypt-to", "tower", exits: 0)
        for path in [early, late] { try tower.expect("adapters", "import", path, exits: 8) }
        #expect(try tower.versions() == known)

        // No file shows what is in it.
        for path in [taken, early, late] {
            let bytes = try Data(contentsOf: URL(filePath: path))
            for marker in ["notes", "lora", "tower", "boat"] {
                #expect(bytes.range(of: Data(marker.utf8)) == nil, "\(marker) in \(path)")
            }
        }
    }

    @Test func filesThatAreTakenInLateAreHistoryAndNoHeads() throws {
        let loft = try TinyStore()
        let desk = try TinyStore(outside: loft.outside)
        try SyncCircle.pairDirectly(loft, desk, name: "desk")
        let rows = try loft.writeRows(24)
        try loft.train(rows, name: "notes")
        let first = loft.outside.path + "/first.attune"
        try loft.expect("adapters", "export", "notes", first, "--encrypt-to", "desk", exits: 0)
        try loft.train(rows, name: "notes", seed: 11, extra: ["--from", "notes"])
        try Self.carry("notes", from: loft, to: desk, "desk")
        try desk.expect("adapters", "import", first, exits: 0)
        #expect(try desk.versions().count == 2)
        #expect(try SyncCircle.heads(desk, "notes") == SyncCircle.heads(loft, "notes"))
        #expect(try SyncCircle.answer(desk, "notes") == SyncCircle.answer(loft, "notes"))
    }

    /// Exports a version to a file for a device and takes it in there; the file's path.
    @discardableResult
    private static func carry(
        _ reference: String, from store: TinyStore, to other: TinyStore, _ device: String
    ) throws -> String {
        let path = store.outside.path + "/\(UUID().uuidString).attune"
        try store.expect("adapters", "export", reference, path, "--encrypt-to", device, exits: 0)
        try other.expect("adapters", "import", path, exits: 0)
        return path
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

/// Model files and adapters that are damaged, hostile, or of something else.
@Suite struct BadModelTests {
    @Test func damagedModelFilesAreRefusedAndNothingOfThemIsKept() throws {
        let store = try TinyStore()
        let whole = TinyStore.base.encoded()
        var files: [(String, [UInt8])] = [
            ("empty", []), ("text", Array("hello".utf8)), ("magic", Array("GGUF".utf8)),
            ("huge-counts", Array(whole.prefix(8)) + [UInt8](repeating: 0xFF, count: 16) + Array(whole.dropFirst(24))),
            ("safetensors", [8, 0, 0, 0, 0, 0, 0, 0] + Array(#"{"a":{}}"#.utf8)),
        ]
        for share in [0.01, 0.3, 0.6, 0.999] {
            files.append(("cut-\(share)", Array(whole.prefix(Int(Double(whole.count) * share)))))
        }
        var random = SyntheticRandom(seed: 5)
        for index in 0..<6 {
            var bytes = whole
            for _ in 0..<20 { bytes[Int(random.next() % 4000)] = UInt8(truncatingIfNeeded: random.next()) }
            files.append(("flipped-\(index)", bytes))
        }
        var other = TinyStore.base.writer()
        other.set("general.architecture", .string("mamba"))
        files.append(("mamba", other.encoded()))

        for (name, bytes) in files {
            let path = try store.outside.write(bytes, to: "\(name).gguf")
            let result = try store.attune.run("base", "add", path)
            #expect(result.isOrderly, "\(name): \(result.end) \(result.errors)")
            // A flipped bit of a name or of a weight may leave a usable model.
            if result.status == 0, name.hasPrefix("flipped") { continue }
            #expect(result.status == 8, "\(name): \(result.errors)")
            #expect(result.errors.contains(/E-(GGUF|MODEL|FILE)-\d{3}/), "\(name): \(result.errors)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: store.attune.bases)
        #expect(left.allSatisfy { $0 == "tiny" || $0.hasPrefix("flipped") }, "\(left)")
    }

    @Test func aBaseThatChangedIsNoticed() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        let file = store.attune.bases + "/tiny/tiny.gguf"
        #expect(truncate(file, 5000) == 0)
        try store.expect("ask", "notes", "hello", exits: 8)
        try store.expect("base", "verify", exits: 8)
        #expect(try store.attune.run("doctor").status == 8)
        try store.expect("adapters", "show", "notes", exits: 0)
    }

    @Test func anAdapterOfAnotherBaseIsRefusedNamingBoth() throws {
        let store = try TinyStore()
        let rows = try store.writeRows(12)
        try store.train(rows, name: "notes", extra: ["--base", "tiny"])
        var second = TinyStore.base
        second.seed = 2
        let file = try second.write(to: store.outside, name: "second.gguf")
        try store.expect("base", "add", file, "--name", "second", exits: 0)
        for command in [
            ["ask", "notes", "hello", "--base-name", "second"],
            ["train", rows, "--from", "notes", "--base", "second", "--name", "next", "--yes"],
            ["train", rows, "--base", "second", "--name", "notes", "--yes"],
        ] {
            var arguments = command
            if command[0] == "ask" { arguments.append("--json") }
            let result = try store.expect(arguments, exits: 6)
            #expect(result.errors.contains("tiny"), "\(result.errors)")
            #expect(result.errors.contains("second"), "\(result.errors)")
        }
        #expect(try Set(store.versions().keys) == ["notes@1"])
        // Without its base the adapter stays in the list and says what is missing.
        try store.expect("base", "rm", "tiny", "--yes", exits: 0)
        let result = try store.expect("ask", "notes", "hello", exits: 5)
        #expect(result.errors.contains("tiny"))
        #expect(try store.expect("adapters", "list", exits: 0).output.contains("base missing here"))
    }

    @Test func damagedAdaptersAreRefusedAndNothingOfThemIsKept() throws {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        let good = store.outside.path + "/good"
        try store.expect("adapters", "export", "notes", good, exits: 0)
        let tensors = try [UInt8](Data(contentsOf: URL(filePath: good + "/adapter_model.safetensors")))
        let config = try [UInt8](Data(contentsOf: URL(filePath: good + "/adapter_config.json")))
        let cases: [(String, [UInt8], [UInt8])] = [
            ("cut", Array(tensors.prefix(tensors.count / 2)), config),
            ("no-header", Array(tensors.dropFirst(8)), config),
            ("huge-header", [UInt8](repeating: 0xFF, count: 8) + tensors.dropFirst(8), config),
            ("no-tensors", [], config), ("no-config", tensors, []), ("list-config", tensors, Array("[]".utf8)),
            (
                "other-method", tensors,
                Array(String(decoding: config, as: UTF8.self).replacing("LORA", with: "IA3").utf8)
            ),
        ]
        for (name, weights, settings) in cases {
            try store.outside.write(weights, to: "\(name)/adapter_model.safetensors")
            try store.outside.write(settings, to: "\(name)/adapter_config.json")
            try store.expect("adapters", "import", store.outside.path + "/\(name)", "--name", "x", exits: 8)
        }
        let garbage = try store.outside.write((0..<3000).map { UInt8(truncatingIfNeeded: $0) }, to: "garbage.attune")
        let key = try store.outside.write("x\n", to: "phrase")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        try store.expect("adapters", "import", garbage, "--name", "x", "--passphrase-file", key, exits: 8)
        #expect(try Set(store.versions().keys) == ["notes@1"])
    }
}

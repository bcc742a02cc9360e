// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTensor
import AttuneTestSupport
import Foundation
import Testing

@Suite struct PEFTFolderTests {
    private static let files = ["adapter_config.json", "adapter_model.safetensors"]

    private func contents(_ url: URL) throws -> [[UInt8]] {
        try Self.files.map { Array(try Data(contentsOf: url.appending(path: $0))) }
    }

    /// Exports a sample, edits its configuration and its tensors, and imports what came of it.
    private func importing(
        _ adapter: Adapter = Sample.adapter(), replacing changes: [(String, String)] = [],
        tensors: [UInt8]? = nil
    ) throws -> (adapter: Adapter, extras: PEFTExtras) {
        let folder = try TemporaryDirectory()
        let url = folder.url.appending(path: "export")
        try PEFTFolder.write(adapter, to: url)
        var text = String(decoding: try Data(contentsOf: url.appending(path: Self.files[0])), as: UTF8.self)
        for (from, to) in changes {
            #expect(text.contains(from), "\(from)")
            text = text.replacingOccurrences(of: from, with: to)
        }
        try Data(text.utf8).write(to: url.appending(path: Self.files[0]))
        if let tensors { try Data(tensors).write(to: url.appending(path: Self.files[1])) }
        let read = try PEFTFolder.read(url, base: adapter.base)
        return (read.adapter, read.extras)
    }

    private func refusal(_ code: String, _ changes: [(String, String)], tensors: [UInt8]? = nil) {
        do {
            _ = try importing(replacing: changes, tensors: tensors)
            Issue.record("imported in spite of \(changes)")
        } catch let error as AdapterError {
            #expect(error.code == code, "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func foldersOfPEFTComeBackByteForByte() throws {
        let source = TestBase.vectors.appending(path: "peft_adapter")
        let (adapter, extras, _) = try PEFTFolder.read(source, base: Sample.smolLM2)
        #expect(adapter.configuration.rank == 8)
        #expect(adapter.configuration.scale == 2)
        #expect(adapter.layout.entries.count == 210)
        let folder = try TemporaryDirectory()
        let target = folder.url.appending(path: "out")
        try PEFTFolder.write(adapter, extras: extras, to: target)
        #expect(try contents(target) == contents(source))
    }

    @Test func rowsOfQueriesAreReorderedAndOthersAreNot() throws {
        let source = TestBase.vectors.appending(path: "peft_adapter")
        let adapter = try PEFTFolder.read(source, base: Sample.smolLM2).adapter
        let file = try MappedFile(path: source.appending(path: "adapter_model.safetensors").path)
        defer { withExtendedLifetime(file) {} }
        let tensors = try SafetensorsFile(file.bytes)
        for (module, permuted) in [(TargetModule.query, true), (.key, true), (.value, false)] {
            let name = "base_model.model.model.layers.3.self_attn.\(module.projectionName).lora_B.weight"
            let entry = try #require(tensors[name])
            let halves = Matrix<Float>(rows: entry.shape[0], columns: entry.shape[1])
            try SafetensorsFile.convert(entry, of: file.bytes, into: halves.buffer)
            let b = adapter.parameters.b(try #require(adapter.layout[LoRASite(layer: 3, module: module)]))
            #expect(b.rows(1..<2).values == halves.rows(permuted ? 32..<33 : 1..<2).values)
            #expect(b.rows(2..<3).values == halves.rows(permuted ? 1..<2 : 2..<3).values)
        }
    }

    @Test func exportImportExportIsTheIdentity() throws {
        let folder = try TemporaryDirectory()
        for (index, adapter) in [
            Sample.adapter(), Sample.adapter(alpha: 5, rankStabilized: true),
            Sample.adapter(modules: [.query, .down], layers: [1]),
            Sample.adapter(base: Sample.base(Sample.shape(adjacentPairs: false))),
        ].enumerated() {
            let first = folder.url.appending(path: "a\(index)")
            let second = folder.url.appending(path: "b\(index)")
            try PEFTFolder.write(adapter, to: first)
            let (copy, extras, _) = try PEFTFolder.read(first, base: adapter.base)
            #expect(copy.parameters.values.values == adapter.parameters.values.values)
            #expect(copy.layout == adapter.layout)
            try PEFTFolder.write(copy, extras: extras, to: second)
            #expect(try contents(first) == contents(second))
        }
    }

    @Test func fieldsOfOtherVersionsArePreserved() throws {
        let (adapter, extras) = try importing(replacing: [
            ("\"revision\": null", "\"revision\": \"main\",\n  \"from_the_future\": {\"z\": 1.50, \"a\": [1e-3]}")
        ])
        let folder = try TemporaryDirectory()
        try PEFTFolder.write(adapter, extras: extras, to: folder.url)
        let text = String(decoding: try contents(folder.url)[0], as: UTF8.self)
        #expect(text.contains("1.50"))
        #expect(text.contains("1e-3"))
        #expect(text.contains("\"revision\": \"main\""))
    }

    @Test func fieldsThatNoLongerHoldAreReplaced() throws {
        let (adapter, extras) = try importing()
        let folder = try TemporaryDirectory()
        let other = Sample.adapter(base: adapter.base, rank: 3, alpha: 9)
        try PEFTFolder.write(other, extras: extras, to: folder.url)
        let copy = try PEFTFolder.read(folder.url, base: adapter.base).adapter
        #expect(copy.layout == other.layout)
        #expect(copy.configuration == other.configuration)
    }

    @Test func scalesFollowRsLoRAAndPatterns() throws {
        let stabilized = try importing(replacing: [("\"use_rslora\": false", "\"use_rslora\": true")]).adapter
        #expect(stabilized.layout.entries.allSatisfy { $0.scale == 4 / Float(2).squareRoot() })
        let patterned = try importing(replacing: [
            (
                "\"alpha_pattern\": {}",
                #""alpha_pattern": {"layers\\.1\\..*": 6, "q_proj": 10, "model.layers.0.mlp.up_proj": 1}"#
            )
        ]).adapter
        func scale(_ layer: Int, _ module: TargetModule) -> Float? {
            patterned.layout[LoRASite(layer: layer, module: module)]?.scale
        }
        #expect(scale(1, .query) == 3)
        #expect(scale(0, .query) == 5)
        #expect(scale(0, .up) == 0.5)
        #expect(scale(0, .down) == 2)
    }

    @Test func ranksOfSitesMayDiffer() throws {
        let base = Sample.base()
        let sites = [
            (LoRASite(layer: 0, module: .query), 2, Float(2)), (LoRASite(layer: 1, module: .query), 3, Float(0.7)),
        ].map { (site: $0.0, rank: $0.1, scale: $0.2) }
        let layout = LoRALayout(shape: base.shape, sites: sites)
        let adapter = Adapter(
            base: base, configuration: LoRAConfiguration(rank: 2, alpha: 4, modules: [.query], layers: [0, 1]),
            parameters: LoRAParameters(layout: layout))
        #expect(try importing(adapter).adapter.layout == layout)
    }

    @Test func targetsMayBeNamesPathsOrExpressions() throws {
        let queries = Sample.adapter(modules: [.query])
        let list = "\"target_modules\": [\n    \"q_proj\"\n  ]"
        for targets in [
            #""q_proj""#, #"["self_attn.q_proj"]"#, #"".*\\.q_proj""#, #""model\\.layers\\.\\d+\\.self_attn\\.q_proj""#,
            #"["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]"#,
        ] where targets != #""q_proj""# {
            let copy = try importing(queries, replacing: [(list, "\"target_modules\": \(targets)")]).adapter
            #expect(copy.layout == queries.layout, "\(targets)")
        }
        let everything = try importing(replacing: [
            ("\"exclude_modules\": null", "\"exclude_modules\": []")
        ]).adapter
        #expect(everything.layout.entries.count == 14)
    }

    @Test func allLinearAndExclusionsAreUnderstood() throws {
        let most = Sample.adapter(modules: TargetModule.allCases.filter { $0 != .key })
        let names = most.configuration.modules.map { "    \"\($0.projectionName)\"" }.joined(separator: ",\n")
        let copy = try importing(
            most,
            replacing: [
                ("\"target_modules\": [\n\(names)\n  ]", "\"target_modules\": \"all-linear\""),
                ("\"exclude_modules\": null", "\"exclude_modules\": [\"k_proj\"]"),
            ]
        ).adapter
        #expect(copy.layout == most.layout)
    }

    @Test func otherMethodsAreRefusedByName() {
        for change in [
            ("\"use_dora\": false", "\"use_dora\": true"), ("\"lora_bias\": false", "\"lora_bias\": true"),
            ("\"bias\": \"none\"", "\"bias\": \"all\""), ("\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true"),
            ("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]"),
            ("\"trainable_token_indices\": null", "\"trainable_token_indices\": [1]"),
            ("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\""),
            ("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\""),
        ] { refusal("E-ADAPTER-006", [change]) }
    }

    @Test func damagedFieldsAreRefusedByName() {
        for change in [
            ("\"r\": 2", "\"r\": 0"), ("\"r\": 2", "\"r\": 1e9"), ("\"lora_alpha\": 4", "\"lora_alpha\": 1e99"),
            ("\"lora_dropout\": 0.0", "\"lora_dropout\": 1.0"), ("\"use_rslora\": false", "\"use_rslora\": 1"),
            ("\"rank_pattern\": {}", "\"rank_pattern\": {\"(\": 2}"),
            ("\"rank_pattern\": {}", "\"rank_pattern\": {\"(.*)*(.*)*(.*)*(.*)*x\": 2}"),
            ("\"layers_to_transform\": null", "\"layers_to_transform\": [-1]"),
            ("\"rank_pattern\": {}", "\"rank_pattern\": {\(Self.expressions(65))}"),
        ] { refusal("E-ADAPTER-005", [change]) }
    }

    /// Patterns that match nothing, none of them a plain path.
    private static func expressions(_ count: Int) -> String {
        (0..<count).map { "\"(x|y)\($0)\": 2" }.joined(separator: ", ")
    }

    @Test func expressionsShareWhatTheirMatchesMayTake() {
        // Each for itself gives up in time at each of the matrices; together they would take minutes.
        let slow = (0..<64).map { "\"(.*)*(.*)*(.*)*x\($0)\": 2" }.joined(separator: ", ")
        let taken = ContinuousClock().measure {
            refusal("E-ADAPTER-005", [("\"rank_pattern\": {}", "\"rank_pattern\": {\(slow)}")])
        }
        #expect(taken < .seconds(30))
    }

    @Test func unknownTargetsAndTensorsAreRefused() {
        refusal("E-ADAPTER-007", [("\"q_proj\",", "\"q_prj\",")])
        refusal("E-ADAPTER-007", [("    \"q_proj\",\n", "")])
        refusal("E-ADAPTER-009", [("\"r\": 2", "\"r\": 3")])
    }

    @Test(arguments: [
        ("base_model.model.", "module.base_model.model."), ("base_model.model.", "_orig_mod.base_model.model."),
        ("base_model.model.", "base_model.model._orig_mod."), ("base_model.model.", ""),
        (".lora_A.", ".lora_A.default."), (".lora_B.", ".lora_B.mine."),
    ])
    func namesThatOtherProgramsWrapAreTheSameAdapter(from: String, to: String) throws {
        let folder = try TemporaryDirectory()
        let adapter = Sample.adapter()
        try PEFTFolder.write(adapter, to: folder.url.appending(path: "a"))
        try PEFTFolder.write(adapter, to: folder.url.appending(path: "b"))
        let file = folder.url.appending(path: "b").appending(path: Self.files[1])
        let bytes = Array(try Data(contentsOf: file))
        let renamed = try bytes.withUnsafeBytes { raw in
            let file = try SafetensorsFile(raw)
            var writer = SafetensorsWriter()
            for entry in file.entries {
                var numbers = [Float](repeating: 0, count: entry.count)
                try numbers.withUnsafeMutableBufferPointer { try SafetensorsFile.convert(entry, of: raw, into: $0) }
                let name = entry.name.replacingOccurrences(of: from, with: to)
                #expect(name != entry.name || !entry.name.contains(from))
                writer.add(name, shape: entry.shape, numbers)
            }
            return writer.bytes()
        }
        try Data(renamed).write(to: file)
        let read = try PEFTFolder.read(folder.url.appending(path: "b"), base: adapter.base)
        try PEFTFolder.write(read.adapter, extras: read.extras, to: folder.url.appending(path: "c"))
        let written = try Data(contentsOf: folder.url.appending(path: "c").appending(path: Self.files[1]))
        #expect(written == Data(bytes))
    }

    @Test func namesOfOtherFamiliesBesideOnesThatMatchAreNoted() throws {
        let folder = try TemporaryDirectory()
        let adapter = Sample.adapter()
        try PEFTFolder.write(adapter, to: folder.url.appending(path: "a"))
        let file = folder.url.appending(path: "a").appending(path: Self.files[0])
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let more = text.replacingOccurrences(
            of: "\"target_modules\": [", with: "\"target_modules\": [\"query_key_value\", \"c_attn\", \"lm_head\",")
        #expect(more != text)
        try Data(more.utf8).write(to: file)
        let read = try PEFTFolder.read(folder.url.appending(path: "a"), base: adapter.base)
        #expect(read.unusedTargets == ["c_attn", "lm_head", "query_key_value"])
    }

    @Test func strangeTensorsAreRefusedByName() throws {
        func renamed(_ from: String, _ to: String) throws -> [UInt8] {
            let folder = try TemporaryDirectory()
            let url = folder.url.appending(path: "x")
            try PEFTFolder.write(Sample.adapter(), to: url)
            let bytes = try contents(url)[1]
            return try bytes.withUnsafeBytes { raw in
                let file = try SafetensorsFile(raw)
                var writer = SafetensorsWriter()
                for entry in file.entries {
                    let name = entry.name.replacingOccurrences(of: from, with: to)
                    writer.add(name, shape: entry.shape, [Float](repeating: 0, count: entry.count))
                }
                return writer.bytes()
            }
        }
        refusal(
            "E-ADAPTER-006", [], tensors: try renamed("layers.0.mlp.up_proj.lora_A.weight", "lora_magnitude_vector"))
        refusal("E-ADAPTER-006", [], tensors: try renamed("model.layers.0.mlp.up_proj.lora_A.weight", "lm_head.weight"))
        refusal("E-ADAPTER-006", [], tensors: try renamed("layers.0.mlp.up_proj.lora_A.weight", "x.lora_B.bias"))
        refusal(
            "E-ADAPTER-007", [], tensors: try renamed("layers.0.mlp.up_proj.lora_A", "layers.00.mlp.up_proj.lora_A"))
        refusal("E-ADAPTER-007", [], tensors: try renamed("layers.0.mlp.up_proj.lora_A", "layers.9.mlp.up_proj.lora_A"))
    }

    @Test func missingTensorsAreRefused() {
        refusal("E-ADAPTER-008", [], tensors: Sample.safetensors("{}", dataBytes: 0))
    }

    @Test func foldersWithOtherFilesAreNeverOverwritten() throws {
        let folder = try TemporaryDirectory()
        try folder.write("mine", to: "letter.txt")
        #expect(throws: AdapterError.self) { try PEFTFolder.write(Sample.adapter(), to: folder.url, overwrite: true) }
        let url = folder.url.appending(path: "export")
        try PEFTFolder.write(Sample.adapter(), to: url)
        try Data("my notes".utf8).write(to: url.appending(path: "README.md"))
        #expect(throws: AdapterError.self) { try PEFTFolder.write(Sample.adapter(), to: url) }
        try PEFTFolder.write(Sample.adapter(rank: 4), to: url, overwrite: true)
        #expect(try String(contentsOf: url.appending(path: "README.md"), encoding: .utf8) == "my notes")
        #expect(try PEFTFolder.read(url, base: Sample.base()).adapter.configuration.rank == 4)
    }

    @Test func foldersWithoutTheirFilesAreNamed() throws {
        let folder = try TemporaryDirectory()
        #expect(throws: AdapterError.self) { try PEFTFolder.read(folder.url, base: Sample.base()) }
    }
}

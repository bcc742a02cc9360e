// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import AttuneAdapter

/// The manifest of a file from elsewhere: what a later training would build on.
@Suite struct AdapterManifestTests {
    /// The manifest of the sample with one text replaced in its JSON.
    private static func manifest(replacing old: String, by new: String) throws -> AdapterManifest {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text = String(decoding: try encoder.encode(AdapterManifest(Sample.adapter())), as: UTF8.self)
        #expect(text.contains(old), "\(text.prefix(400))")
        return try JSONDecoder().decode(AdapterManifest.self, from: Data(text.replacing(old, with: new).utf8))
    }

    @Test(arguments: [
        (#""layers":[0,1]"#, #""layers":[0,0]"#), (#""layers":[0,1]"#, #""layers":[0,2]"#),
        (#""layers":[0,1]"#, #""layers":[-1]"#), (#""dropout":0"#, #""dropout":7"#),
    ])
    func aConfigurationThatCannotBeIsRefused(old: String, new: String) throws {
        let manifest = try Self.manifest(replacing: old, by: new)
        #expect(throws: AdapterError.self) { try manifest.layout() }
    }

    @Test(arguments: [0, -1, Int.max])
    func aRankThatCannotBeIsRefused(rank: Int) throws {
        var configuration = Sample.adapter().configuration
        configuration.rank = rank
        let adapter = Adapter(
            base: Sample.base(), configuration: configuration, parameters: Sample.adapter().parameters)
        #expect(throws: AdapterError.self) { try AdapterManifest(adapter).layout() }
    }

    @Test func theOwnManifestIsTaken() throws {
        #expect(try AdapterManifest(Sample.adapter()).layout() == Sample.adapter().layout)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// `attune explain` knows what the lists of the formats know.
@Suite struct ExplainTests {
    private struct Code: Decodable, Hashable {
        let code: String
        let exitCode: Int32
        let meaning: String

        enum CodingKeys: String, CodingKey {
            case code, meaning
            case exitCode = "exit_code"
        }
    }

    @Test func everyCodeOfTheListIsExplainedAndNoOther() throws {
        let attune = try AttuneProcess()
        let result = try attune.run(["explain", "codes", "--json"])
        try #require(result.status == 0, "\(result.errors)")
        let explained = try JSONDecoder().decode([Code].self, from: Data(result.output.utf8))
        let list = try String(
            contentsOf: TestBase.tests.appending(path: "../schemas/errors.md").standardized,
            encoding: .utf8)
        let listed = list.matches(of: /(?m)^\| `(E-[A-Z]+-[0-9]{3})` \|/).map { String($0.output.1) }
        #expect(Set(explained.map(\.code)) == Set(listed))
        #expect(explained.count == listed.count)
        #expect(explained.filter { $0.meaning.isEmpty } == [])
    }

    @Test func aCodeOfSeveralEndsNamesEachOfThem() throws {
        let attune = try AttuneProcess()
        for (code, ends) in ["E-FILE-003": [1, 5], "E-FILE-010": [1, 6, 7], "E-ADAPTER-024": [5, 64]] {
            let text = try attune.run(["explain", code]).output
            let found = text.matches(of: /(?:with|or) ([0-9]+):/).compactMap { Int($0.output.1) }
            #expect(found.sorted() == ends, "\(text)")
        }
    }

    @Test func aCodeIsExplainedInSmallLettersToo() throws {
        let attune = try AttuneProcess()
        let result = try attune.run(["explain", "e-vault-002"])
        #expect(result.status == 0)
        #expect(result.output.contains("E-VAULT-002"))
        #expect(result.output.contains("another process is writing to the store"))
        #expect(result.output.contains("11"))
    }

    @Test func anUnknownCodeIsAnErrorOfUseThatNamesWhatThereIs() throws {
        let attune = try AttuneProcess()
        for topic in ["E-VAULT-999", "vault", ""] {
            let result = try attune.run(["explain", topic])
            #expect(result.status == 64, "\(topic)")
            #expect(result.errors.contains("exit-codes"), "\(topic): \(result.errors)")
        }
    }
}

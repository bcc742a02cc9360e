// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneModel
import AttuneSync
import AttuneTokenizer
import AttuneTraining
import AttuneVault
import AttuneWire

/// Every code that a failure of Attune or of its relay can have.
package enum FailureCatalogue {
    private static let kinds: [any FailureKind.Type] = [
        FileFailure.self, VaultFailure.self, CryptoFailure.self, ModelFailure.self, TokenizerFailure.self,
        AdapterFailure.self, DataIssueCode.self, TrainingFailure.self, KitFailure.self, CircleFailure.self,
        PairingFailure.self, SyncFailure.self, WireFailure.self, RelayFailure.self, GeneralFailure.self,
    ]

    /// Codes with what each means, in the order of their letters; two parts may share a code that means one thing.
    package static let all: [(code: String, summary: FailureSummary)] = Dictionary(
        kinds.flatMap { entries($0) }, uniquingKeysWith: { first, _ in first }
    ).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }

    /// What a code means; nil if there is no such code.
    ///
    /// - Parameter code: in capital or small letters.
    package static func summary(of code: String) -> FailureSummary? {
        all.first { $0.code == code.uppercased() }?.summary
    }

    private static func entries<Kind: FailureKind>(_ kind: Kind.Type) -> [(String, FailureSummary)] {
        kind.allCases.map { ($0.rawValue, $0.summary) }
    }
}

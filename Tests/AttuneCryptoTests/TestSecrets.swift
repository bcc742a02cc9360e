// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport

extension HexBytes {
    /// The bytes as a key.
    var secret: SecretBytes { SecretBytes(copying: bytes) }
}

extension SecretBytes {
    /// The bytes in the open, for comparing in tests.
    var exposed: [UInt8] { withUnsafeBytes { Array($0) } }

    init(text: String) { self.init(copying: Array(text.utf8)) }
}

extension PassphraseCost {
    /// The cheapest that the library takes: one pass over 8 KiB.
    static let cheapest = PassphraseCost(opslimit: 1, memlimit: 8192)
}

/// The code of the `CryptoError` that `body` throws; nil if it throws none.
func errorCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? CryptoError)?.code ?? "\(error)"
    }
}

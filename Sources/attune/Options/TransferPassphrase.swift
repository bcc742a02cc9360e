// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneKit

/// The passphrase of an exported file, which is not the store's.
enum TransferPassphrase {
    static func read(file: String?, new: Bool, global: GlobalOptions) throws -> SecretBytes {
        if let file { return try Passphrase.fromFile(file) }
        guard global.canPrompt else {
            throw KitError.passphraseRequired("the file's own passphrase", option: "--passphrase-file")
        }
        return try Passphrase.read(
            prompt: new ? "Passphrase for the file: " : "Passphrase of the file: ", confirm: new ? "Once more: " : nil)
    }
}

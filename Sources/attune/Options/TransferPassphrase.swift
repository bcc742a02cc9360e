// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit

/// The passphrase of an exported file, which is not the store's.
enum TransferPassphrase {
    static func source(file: String?, new: Bool, global: GlobalOptions) -> SecretSource {
        SecretSource(
            file: file, canAsk: global.canPrompt,
            prompt: new ? "Passphrase for the file: " : "Passphrase of the file: ",
            confirm: new ? "Once more: " : nil, what: "the file's own passphrase", option: "--passphrase-file")
    }
}

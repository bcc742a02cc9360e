// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

extension KitError {
    static func cannotWrite(_ path: String, _ reason: Int32) -> KitError {
        KitError(
            .cannotWrite, "\(path) cannot be written: \(String(cString: strerror(reason)))",
            remedy: reason == EEXIST ? "Choose another name; nothing is replaced" : "Check the folder and the space",
            exit: reason == EEXIST
                ? .conflict : [ENOSPC, EDQUOT, EFBIG].contains(reason) ? .doesNotFit : .failure)
    }

    static func notAnAdapter(_ path: String) -> KitError {
        KitError(
            .notAnAdapter, "\(path) does not hold an adapter of Attune",
            remedy: "Import a folder of PEFT, or a file that attune adapters export made")
    }

    /// `E-FILE-012`: a path that was given does not exist.
    package static func nothingThere(_ path: String) -> KitError {
        KitError(.nothingThere, "there is nothing at \(path)", remedy: "Check the path")
    }

    static var keyRequired: KitError {
        KitError(
            .keyRequired, "the store needs its passphrase, and nobody can be asked here",
            remedy: "Give it with --key-file, --key-fd, --key-command, ATTUNE_KEY_FILE or ATTUNE_KEY_COMMAND")
    }

    /// `E-KEY-032`: a passphrase other than the one that opens the store is needed, and nobody can be asked.
    package static func passphraseRequired(_ what: String, option: String) -> KitError {
        KitError(
            .passphraseRequired, "nobody can be asked here for \(what)", remedy: "Put it into a file: \(option) FILE")
    }

    /// `E-KEY-031`: the key file cannot be written.
    static func cannotWriteKey(_ path: String, cause: (any Error)? = nil) -> KitError {
        KitError(
            .cannotWriteKey, "the key file \(path) cannot be written", remedy: "Choose another place: --key-file FILE",
            cause: cause)
    }

    /// `E-STORE-001`: a store would be made where one is.
    package static func storeExists(_ path: String) -> KitError {
        KitError(
            .storeExists, "there is a store at \(path) already",
            remedy: "Use it: attune status. For another one: attune init --store DIR")
    }

    /// `E-STORE-002`: no store was made at this path.
    package static func noStoreYet(_ path: String) -> KitError {
        KitError(.noStoreYet, "there is no store at \(path)", remedy: "Make one: attune init")
    }
}

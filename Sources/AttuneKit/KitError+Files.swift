// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

extension KitError {
    static func cannotWrite(_ path: String, _ reason: Int32) -> KitError {
        KitError(
            code: "E-FILE-010", message: "\(path) cannot be written: \(String(cString: strerror(reason)))",
            remedy: reason == EEXIST ? "Choose another name; nothing is replaced" : "Check the folder and the space",
            exitStatus: reason == EEXIST
                ? .conflict : [ENOSPC, EDQUOT, EFBIG].contains(reason) ? .doesNotFit : .failure)
    }

    static func notAnAdapter(_ path: String) -> KitError {
        KitError(
            code: "E-FILE-011", message: "\(path) does not hold an adapter of Attune",
            remedy: "Import a folder of PEFT, or a file that attune adapters export made", exitStatus: .invalidData)
    }

    /// `E-FILE-012`: a path that was given does not exist.
    package static func nothingThere(_ path: String) -> KitError {
        KitError(
            code: "E-FILE-012", message: "there is nothing at \(path)", remedy: "Check the path",
            exitStatus: .notFound)
    }

    static let keyRequired = KitError(
        code: "E-KEY-030", message: "the store needs its passphrase, and nobody can be asked here",
        remedy: "Give it with --key-file, --key-fd, --key-command, ATTUNE_KEY_FILE or ATTUNE_KEY_COMMAND",
        exitStatus: .keyRequired)

    /// `E-KEY-032`: a passphrase other than the one that opens the store is needed, and nobody can be asked.
    package static func passphraseRequired(_ what: String, option: String) -> KitError {
        KitError(
            code: "E-KEY-032", message: "nobody can be asked here for \(what)",
            remedy: "Put it into a file: \(option) FILE", exitStatus: .keyRequired)
    }

    /// `E-KEY-031`: the key file cannot be written.
    static func cannotWriteKey(_ path: String, cause: (any Error)? = nil) -> KitError {
        KitError(
            code: "E-KEY-031", message: "the key file \(path) cannot be written",
            remedy: "Choose another place: --key-file FILE", exitStatus: .failure, cause: cause)
    }

    /// `E-STORE-001`: a store would be made where one is.
    package static func storeExists(_ path: String) -> KitError {
        KitError(
            code: "E-STORE-001", message: "there is a store at \(path) already",
            remedy: "Use it: attune status. For another one: attune init --store DIR", exitStatus: .conflict)
    }

    /// `E-STORE-002`: no store was made at this path.
    package static func noStoreYet(_ path: String) -> KitError {
        KitError(
            code: "E-STORE-002", message: "there is no store at \(path)", remedy: "Make one: attune init",
            exitStatus: .noStore)
    }
}

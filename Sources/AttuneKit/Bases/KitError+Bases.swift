// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import Foundation

extension KitError {
    static func noBase(_ name: String, known: [String]) -> KitError {
        KitError(
            .noBase, "there is no base \(name)",
            remedy: known.isEmpty
                ? "Get one: attune base pull smollm2"
                : "Known here: \(known.joined(separator: ", ")). See attune base list")
    }

    static func baseMissing(_ base: BaseIdentity) -> KitError {
        KitError(
            .baseMissing, "the base \(base.name) (\(base.id.short)) is not on this machine",
            remedy: KnownBase.named(base.name) == nil
                ? "Add its file: attune base add FILE" : "Get it: attune base pull \(base.name)")
    }

    static func baseNameTaken(_ name: String) -> KitError {
        KitError(
            .baseNameTaken, "another base is called \(name)", remedy: "Choose a name: attune base add FILE --name NAME")
    }

    /// E-BASE-004: the files of a base are not those that were added.
    static func baseChanged(_ record: BaseRecord) -> KitError {
        let missing = record.files.first { !FileManager.default.fileExists(atPath: $0) }
        let file = record.files.first ?? ""
        return KitError(
            .baseChanged,
            missing.map { "the file of base \(record.name) is gone: \($0)" }
                ?? "the file of base \(record.name) is no longer the one that was added: \(file)",
            remedy: KnownBase.named(record.name) != nil
                ? "Fetch it again: attune base pull \(record.name)"
                : "Put it back, or give the file from where it is now: attune base add FILE")
    }

    static func baseKnownAs(_ record: BaseRecord) -> KitError {
        KitError(
            .baseKnownAs, "this file is already here as \(record.name)",
            remedy: "Use that name: attune base show \(record.name)")
    }

    static func baseRecordDamaged(_ path: String, cause: any Error) -> KitError {
        KitError(
            .baseRecordDamaged, "\(path) cannot be read", remedy: "Remove that folder and add the base again",
            cause: cause)
    }

    static func unknownPull(_ name: String) -> KitError {
        let names = KnownBase.all.map(\.name).joined(separator: ", ")
        return KitError(
            .unknownPull, "no base called \(name) can be fetched",
            remedy: "Fetch one of \(names), or: attune base add FILE")
    }

    static func pullFailed(_ name: String, _ reason: String) -> KitError {
        KitError(
            .pullFailed, "\(name) could not be fetched: \(reason)",
            remedy: "Check the network and that python3 has pip, then: attune base pull \(name)")
    }

    static func wrongContent(_ name: String) -> KitError {
        KitError(
            .wrongContent, "what was fetched for \(name) does not have the expected SHA-256",
            remedy: "Try again later; nothing was kept")
    }

    static func badName(_ name: String) -> KitError {
        KitError(
            .badName, "\(name.debugDescription) cannot be a name",
            remedy: "Use letters, digits, dot, dash and underscore, at most 64, not starting with dot or dash")
    }

    /// E-NAME-001: a path that holds nothing to name an adapter by.
    static func noNameIn(_ path: String) -> KitError {
        KitError(
            .badName, "the name of \(Printable.quoted(path, limit: 200)) cannot name an adapter",
            remedy: "Give it one: --name NAME")
    }

    static func cannotCopy(_ source: String, to target: String, cause: any Error) -> KitError {
        KitError(
            .cannotCopy, "\(source) could not be copied to \(target)",
            remedy: "Free some space, or leave the file where it is: attune base add FILE --link", cause: cause)
    }

    /// `E-BASE-013`: an adapter file can claim a base that is here and lie about its shape.
    static func otherShape(than base: BaseRecord) -> KitError {
        KitError(
            .otherShape, "the adapter names base \(base.name) (\(base.id.short)) but was made for other matrices",
            remedy: "Do not trust the file that it came from")
    }

    /// `E-MEMORY-001`: a prompt and its answer need more memory than is free.
    static func contextDoesNotFit(_ context: Int, needs bytes: Double, available: Int) -> KitError {
        KitError(
            .contextDoesNotFit,
            "a context of \(context) tokens needs \(Quantity.text(bytes: Int(min(bytes, 1e18)), rounded: .up)), and "
                + "\(Quantity.text(bytes: available, rounded: .down)) are free",
            remedy: "Shorten the prompt, or ask for a shorter answer with --max")
    }

    /// `E-MEMORY-002`: a person allows less than what answering takes at least.
    static func limitTooLow(needed: Int, limit: Int) -> KitError {
        KitError(
            .limitTooLow,
            "answering needs at least \(Quantity.text(bytes: needed, rounded: .up)), and --memory-limit allows "
                + "\(Quantity.text(bytes: limit, rounded: .down))",
            remedy: "Allow more, or shorten the answer with --max or a chat with --context")
    }

    static func severalBases(_ names: [String]) -> KitError {
        KitError(
            .severalBases, "there are several bases: \(names.joined(separator: ", "))", remedy: "Say which: --base NAME"
        )
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneVault

extension KitError {
    static func otherBase(_ adapter: String, trainedOn: BaseIdentity, given: BaseRecord) -> KitError {
        KitError(
            .otherBase,
            "\(adapter) was trained on \(trainedOn.name) (\(trainedOn.id.short)), not on \(given.name) "
                + "(\(given.id.short))", remedy: "Use it with its own base: leave --base out")
    }

    static func nameOfOtherBase(_ name: String, has: BaseIdentity?, given: BaseIdentity) -> KitError {
        KitError(
            .nameOfOtherBase,
            "\(name) is an adapter of \(has.map { "\($0.name) (\($0.id.short))" } ?? "another base"), "
                + "and this one is of \(given.name) (\(given.id.short))", remedy: "Choose another name: --name NAME")
    }

    static func unreadableManifest(_ adapter: String, cause: any Error) -> KitError {
        KitError(
            .unreadableManifest, "the manifest of \(adapter) cannot be read",
            remedy: "Look at the store: attune doctor", cause: cause)
    }

    static func notComparable(_ first: String, _ second: String) -> KitError {
        KitError(
            .notComparable, "\(first) and \(second) are adapters of different bases",
            remedy: "Compare two adapters of one base")
    }

    static func severalAdapters(_ names: [String]) -> KitError {
        KitError(
            .severalAdapters,
            names.isEmpty ? "there is no adapter yet" : "there are several: \(names.joined(separator: ", "))",
            remedy: names.isEmpty ? "Make one: attune train FOLDER" : "Say which, such as attune chat \(names[0])",
            exit: names.isEmpty ? .notFound : .usage)
    }

    static func notInTrash(_ name: String) -> KitError {
        KitError(
            .notInTrash, "no adapter or version called \(name) is in the trash",
            remedy: "See what is there: attune trash")
    }

    static func oneHead(_ name: String) -> KitError {
        KitError(
            .oneHead, "there is nothing to choose: all devices have the same \(name)",
            remedy: "See its versions: attune adapters versions \(name)")
    }

    static func noLosses(_ name: String) -> KitError {
        KitError(
            .noLosses, "no head of \(name) was ever measured on held-out text",
            remedy: "Choose one: attune adapters resolve \(name) --choose \(name)@N")
    }

    static func weights(_ count: Int, versions: Int) -> KitError {
        KitError(
            .weights, "\(count) weights for \(versions) versions", remedy: "Give one for each, such as --weight .7,.3")
    }

    /// `E-ADAPTER-030`: the tensors of a version that came by sync are none.
    static func refusedArrival(_ refused: RefusedVersion) -> KitError {
        KitError(
            .refusedArrival, "\(refused.version) from device \(refused.device) is set apart: \(refused.reason)",
            remedy:
                "Everything else was synced, and the adapter stays where it was. Look at that device, and shut it out if it is not yours any more: attune devices revoke \(refused.device)"
        )
    }

    static func foreignVersion(_ reason: String) -> KitError {
        KitError(
            .foreignVersion, "a version that was made elsewhere is refused: \(reason)",
            remedy: "Ask whoever made it for a good one.")
    }
    /// `E-ADAPTER-031`: an import is to become a new adapter, and the name is one of an adapter that is there.
    static func importNameTaken(_ name: String, by other: String) -> KitError {
        KitError(
            .importNameTaken,
            name == other
                ? "there is already an adapter named \(name)"
                : "\(ShownText.spelled(name)) looks the same as the adapter \(ShownText.spelled(other))",
            remedy: "Choose another name, or add a version to it: --into \(other)")
    }

    /// `E-MEMORY-004`: the bytes of a version are on another device, and more than what is fetched by itself.
    static func tooLargeToFetch(_ record: VersionRecord, largest: Int) -> KitError {
        let megabytes = Int((Double(record.size) / 1_048_576).rounded(.up))
        return KitError(
            .tooLargeToFetch,
            "\(record.reference) has \(Quantity.text(bytes: record.size, rounded: .up)), and what has more than "
                + "\(Quantity.text(bytes: largest, rounded: .down)) is not fetched by itself",
            remedy: "If you want it: attune sync limit --largest \(megabytes)M, then attune sync now")
    }
}

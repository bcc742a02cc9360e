// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong in adapter files and when adapters meet bases.
package enum AdapterFailure: String, FailureKind {
    case safetensors = "E-ADAPTER-001"
    case json = "E-ADAPTER-002"
    case notFinite = "E-ADAPTER-003"
    case manifest = "E-ADAPTER-004"
    case field = "E-ADAPTER-005"
    case unsupported = "E-ADAPTER-006"
    case unmatched = "E-ADAPTER-007"
    case missing = "E-ADAPTER-008"
    case shape = "E-ADAPTER-009"
    case targetExists = "E-ADAPTER-010"
    case notAFolder = "E-ADAPTER-011"
    case cannotWrite = "E-ADAPTER-012"
    case targets = "E-ADAPTER-013"
    case notMergeable = "E-ADAPTER-014"
    case rank = "E-ADAPTER-015"
    case noMemory = "E-MEMORY-003"

    package var summary: FailureSummary {
        switch self {
        case .safetensors: FailureSummary(.invalidData, "this is no valid safetensors file")
        case .json: FailureSummary(.invalidData, "this is not the JSON it should be")
        case .notFinite: FailureSummary(.invalidData, "a tensor holds numbers that are not finite")
        case .manifest: FailureSummary(.invalidData, "tensors and manifest disagree")
        case .field: FailureSummary(.invalidData, "a field of `adapter_config.json` cannot be read")
        case .unsupported: FailureSummary(.invalidData, "the adapter is of a method or format that is not supported")
        case .unmatched: FailureSummary(.invalidData, "tensors that no matrix of the base takes")
        case .missing: FailureSummary(.invalidData, "adapted matrices without tensors")
        case .shape: FailureSummary(.conflict, "a tensor has another shape than the base needs")
        case .targetExists: FailureSummary(.conflict, "an export would overwrite something")
        case .notAFolder: FailureSummary(.notFound, "a folder has not the files of a PEFT adapter")
        case .cannotWrite: FailureSummary(.failure, "a file of an export cannot be written")
        case .targets: FailureSummary(.invalidData, "target modules that the base does not have")
        case .notMergeable: FailureSummary(.conflict, "adapters that cannot be merged")
        case .rank: FailureSummary(.invalidData, "a rank that is larger than its matrix can use")
        case .noMemory: FailureSummary(.doesNotFit, "an adapter does not fit into memory")
        }
    }
}

/// What can go wrong in adapter files and when adapters meet bases.
package typealias AdapterError = Failure<AdapterFailure>

extension AdapterError {
    private static var damaged: String { "Fetch or export the file again: this copy is damaged or was never valid." }

    /// E-ADAPTER-001: bytes that are not safetensors.
    static func safetensors(_ reason: String) -> Self {
        Self(.safetensors, "not a valid safetensors file: \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-002: text that is not the JSON it should be.
    static func json(_ reason: String, offset: Int) -> Self {
        Self(.json, "invalid JSON at byte \(offset): \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-003: a number that is not finite.
    static func notFinite(_ tensor: String) -> Self {
        Self(.notFinite, "\(tensor) holds numbers that are not finite", remedy: damaged)
    }

    /// E-ADAPTER-004: manifest and tensors disagree.
    static func manifest(_ reason: String) -> Self {
        Self(.manifest, "the adapter does not match its manifest: \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-005: a field of `adapter_config.json` that cannot be read.
    static func field(_ name: String, _ reason: String) -> Self {
        Self(
            .field, "adapter_config.json: \"\(name)\" \(reason)",
            remedy: "Correct the field, or save the adapter again with PEFT.")
    }

    /// E-ADAPTER-006: a method that changes more than linear layers by A and B.
    static func unsupported(_ what: String, remedy: String) -> Self {
        Self(.unsupported, "this adapter cannot be imported: \(what)", remedy: remedy)
    }

    /// E-ADAPTER-007: tensors that no adapted matrix of the base takes.
    static func unmatched(_ names: [String]) -> Self {
        Self(
            .unmatched, "\(names.count) tensors match no adapted matrix of the base: \(listed(names))",
            remedy: "Import only adapters of plain LoRA on q, k, v, o, gate, up and down, made for this base.")
    }

    /// E-ADAPTER-008: adapted matrices without tensors.
    static func missing(_ names: [String]) -> Self {
        Self(
            .missing, "\(names.count) tensors are named by adapter_config.json but missing: \(listed(names))",
            remedy: damaged)
    }

    /// E-ADAPTER-009: a tensor of another shape than the base asks for.
    static func shape(_ name: String, found: [Int], expected: [Int]) -> Self {
        Self(
            .shape, "\(name) has shape \(found), and this base needs \(expected)",
            remedy: "Choose the base that the adapter was trained on with --base.")
    }

    /// E-ADAPTER-010: an export would overwrite something.
    static func targetExists(_ path: String) -> Self {
        Self(.targetExists, "\(path) is not empty", remedy: "Export to a new folder; nothing is replaced.")
    }

    /// E-ADAPTER-011: a folder without the files of an adapter.
    static func notAFolder(_ path: String, missing: String) -> Self {
        Self(
            .notAFolder, "\(path) is not a PEFT adapter: it has no \(missing)",
            remedy: "Give the folder that holds adapter_config.json and adapter_model.safetensors.")
    }

    /// E-ADAPTER-012: a file of the folder could not be written.
    static func cannotWrite(_ path: String, _ cause: any Error) -> Self {
        Self(
            .cannotWrite, "cannot write \(path)", remedy: "Check the permissions and the free space of the folder.",
            cause: cause)
    }

    /// E-ADAPTER-013: target modules that no matrix of the base has.
    static func targets(_ names: [String]) -> Self {
        Self(
            .targets, "target modules that this base does not have or Attune does not adapt: \(listed(names))",
            remedy: "Use q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj.")
    }

    /// E-ADAPTER-014: adapters whose sum makes no adapter.
    static func notMergeable(_ reason: String) -> Self {
        Self(
            .notMergeable, "these adapters cannot be merged: \(reason)",
            remedy: "Merge adapters of one base that adapt the same modules and layers.")
    }

    /// E-MEMORY-003: the numbers of an adapter do not fit into memory.
    static func noMemory(_ bytes: Int) -> Self {
        Self(
            .noMemory, "\(Quantity.text(bytes: bytes)) for the numbers of an adapter cannot be had",
            remedy: "End other programs, or raise the memory limit, and try again.")
    }

    private static func listed(_ names: [String]) -> String {
        let shown = names.sorted().prefix(8).joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
    }
}

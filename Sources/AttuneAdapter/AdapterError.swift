// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// What can go wrong in adapter files and when adapters meet bases.
package struct AdapterError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?

    init(
        _ code: String, _ message: String, remedy: String?, exitStatus: ExitStatus = .invalidData,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
        self.cause = cause
    }

    private static let damaged = "Fetch or export the file again: this copy is damaged or was never valid."

    /// E-ADAPTER-001: bytes that are not safetensors.
    static func safetensors(_ reason: String) -> Self {
        Self("E-ADAPTER-001", "not a valid safetensors file: \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-002: text that is not the JSON it should be.
    static func json(_ reason: String, offset: Int) -> Self {
        Self("E-ADAPTER-002", "invalid JSON at byte \(offset): \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-003: a number that is not finite.
    static func notFinite(_ tensor: String) -> Self {
        Self("E-ADAPTER-003", "\(tensor) holds numbers that are not finite", remedy: damaged)
    }

    /// E-ADAPTER-004: manifest and tensors disagree.
    static func manifest(_ reason: String) -> Self {
        Self("E-ADAPTER-004", "the adapter does not match its manifest: \(reason)", remedy: damaged)
    }

    /// E-ADAPTER-005: a field of `adapter_config.json` that cannot be read.
    static func field(_ name: String, _ reason: String) -> Self {
        Self(
            "E-ADAPTER-005", "adapter_config.json: \"\(name)\" \(reason)",
            remedy: "Correct the field, or save the adapter again with PEFT.")
    }

    /// E-ADAPTER-006: a method that changes more than linear layers by A and B.
    static func unsupported(_ what: String, remedy: String) -> Self {
        Self("E-ADAPTER-006", "this adapter cannot be imported: \(what)", remedy: remedy)
    }

    /// E-ADAPTER-007: tensors that no adapted matrix of the base takes.
    static func unmatched(_ names: [String]) -> Self {
        Self(
            "E-ADAPTER-007", "\(names.count) tensors match no adapted matrix of the base: \(listed(names))",
            remedy: "Import only adapters of plain LoRA on q, k, v, o, gate, up and down, made for this base.")
    }

    /// E-ADAPTER-008: adapted matrices without tensors.
    static func missing(_ names: [String]) -> Self {
        Self(
            "E-ADAPTER-008", "\(names.count) tensors are named by adapter_config.json but missing: \(listed(names))",
            remedy: damaged)
    }

    /// E-ADAPTER-009: a tensor of another shape than the base asks for.
    static func shape(_ name: String, found: [Int], expected: [Int]) -> Self {
        Self(
            "E-ADAPTER-009", "\(name) has shape \(found), and this base needs \(expected)",
            remedy: "Choose the base that the adapter was trained on with --base.", exitStatus: .conflict)
    }

    /// E-ADAPTER-010: an export would overwrite something.
    static func targetExists(_ path: String) -> Self {
        Self(
            "E-ADAPTER-010", "\(path) is not empty",
            remedy: "Export to a new folder; nothing is replaced.", exitStatus: .conflict)
    }

    /// E-ADAPTER-011: a folder without the files of an adapter.
    static func notAFolder(_ path: String, missing: String) -> Self {
        Self(
            "E-ADAPTER-011", "\(path) is not a PEFT adapter: it has no \(missing)",
            remedy: "Give the folder that holds adapter_config.json and adapter_model.safetensors.",
            exitStatus: .notFound)
    }

    /// E-ADAPTER-012: a file of the folder could not be written.
    static func cannotWrite(_ path: String, _ cause: any Error) -> Self {
        Self(
            "E-ADAPTER-012", "cannot write \(path)", remedy: "Check the permissions and the free space of the folder.",
            exitStatus: .failure, cause: cause)
    }

    /// E-ADAPTER-013: target modules that no matrix of the base has.
    static func targets(_ names: [String]) -> Self {
        Self(
            "E-ADAPTER-013", "target modules that this base does not have or Attune does not adapt: \(listed(names))",
            remedy: "Use q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj.")
    }

    /// E-ADAPTER-014: adapters whose sum makes no adapter.
    static func notMergeable(_ reason: String) -> Self {
        Self(
            "E-ADAPTER-014", "these adapters cannot be merged: \(reason)",
            remedy: "Merge adapters of one base that adapt the same modules and layers.", exitStatus: .conflict)
    }

    /// E-MEMORY-003: the numbers of an adapter do not fit into memory.
    static func noMemory(_ bytes: Int) -> Self {
        Self(
            "E-MEMORY-003", "\(max(1, bytes >> 20)) MiB for the numbers of an adapter cannot be had",
            remedy: "End other programs, or raise the memory limit, and try again.", exitStatus: .doesNotFit)
    }

    private static func listed(_ names: [String]) -> String {
        let shown = names.sorted().prefix(8).joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
    }
}

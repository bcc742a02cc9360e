// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// What can go wrong with a base model: its file, its architecture, the numbers in it and drawing tokens from it.
package enum ModelFailure: String, FailureKind {
    case contextExceeded = "E-DECODE-001"
    case tokenOutsideVocabulary = "E-DECODE-002"
    case nothingToEvaluate = "E-DECODE-003"
    case cacheTypeDoesNotFit = "E-DECODE-004"
    case notGGUF = "E-GGUF-001"
    case unsupportedVersion = "E-GGUF-002"
    case truncated = "E-GGUF-003"
    case badMetadata = "E-GGUF-004"
    case badTensor = "E-GGUF-005"
    case badPlacement = "E-GGUF-006"
    case unsupportedType = "E-GGUF-007"
    case badSplit = "E-GGUF-008"
    case changedInUse = "E-GGUF-009"
    case unsupportedArchitecture = "E-MODEL-001"
    case missingKey = "E-MODEL-002"
    case badValue = "E-MODEL-003"
    case missingTensor = "E-MODEL-004"
    case wrongShape = "E-MODEL-005"
    case notFinite = "E-MODEL-006"
    case unsupportedFeature = "E-MODEL-007"
    case badTokenizer = "E-MODEL-008"
    case notANumber = "E-SAMPLE-001"
    case badOption = "E-SAMPLE-002"

    package var summary: FailureSummary {
        switch self {
        case .contextExceeded: FailureSummary(.invalidData, "the tokens do not fit into the context")
        case .tokenOutsideVocabulary: FailureSummary(.invalidData, "a token lies outside the vocabulary")
        case .nothingToEvaluate: FailureSummary(.invalidData, "the prompt is empty")
        case .cacheTypeDoesNotFit:
            FailureSummary(.usage, "heads are no whole blocks of the type that keys and values are kept in")
        case .notGGUF: FailureSummary(.invalidData, "this is no GGUF file")
        case .unsupportedVersion: FailureSummary(.invalidData, "a version or byte order that is not read")
        case .truncated: FailureSummary(.invalidData, "the file is cut short")
        case .badMetadata: FailureSummary(.invalidData, "the metadata is damaged")
        case .badTensor: FailureSummary(.invalidData, "the list of tensors is damaged")
        case .badPlacement: FailureSummary(.invalidData, "the tensor data is damaged")
        case .unsupportedType: FailureSummary(.invalidData, "a tensor is stored in a type that is not read")
        case .badSplit: FailureSummary(.invalidData, "the parts of a split model do not fit together")
        case .changedInUse: FailureSummary(.invalidData, "the file was changed or cut short while it was in use")
        case .unsupportedArchitecture: FailureSummary(.invalidData, "an architecture that is not supported")
        case .missingKey: FailureSummary(.invalidData, "the metadata lacks a value")
        case .badValue: FailureSummary(.invalidData, "a value of the metadata cannot be")
        case .missingTensor: FailureSummary(.invalidData, "a tensor is missing")
        case .wrongShape: FailureSummary(.invalidData, "a tensor has the wrong shape")
        case .notFinite: FailureSummary(.invalidData, "a tensor holds numbers that are not finite")
        case .unsupportedFeature: FailureSummary(.invalidData, "the model uses a feature that is not supported")
        case .badTokenizer: FailureSummary(.invalidData, "the tokenizer is damaged")
        case .notANumber: FailureSummary(.invalidData, "the scores of the next token are not numbers")
        case .badOption: FailureSummary(.usage, "a sampling option cannot be")
        }
    }
}

/// What can go wrong with a base model: its file, its architecture, the numbers in it and drawing tokens from it.
package typealias ModelError = Failure<ModelFailure>
extension ModelError {
    static var fetchAgain: String {
        "Fetch the file again from where it was published, then run `attune base add FILE`."
    }
    static var chooseAnother: String {
        "Choose another file: `attune base pull smollm2` fetches the default base, `attune base add FILE` adds your own."
    }

    // Files.

    static func notGGUF(_ file: String, beginning bytes: UnsafeRawBufferPointer) -> ModelError {
        let kinds: [(beginning: String, what: String, remedy: String)] = [
            (
                "version https://git-lfs", "is a Git-LFS pointer, which only names the model",
                "Fetch the model itself: run `git lfs pull` in its folder, or download the file from where it was published."
            ),
            ("<", "is a web page, such as one that asks to sign in", fetchAgain),
            ("PK\u{3}\u{4}", "is a zip archive, as PyTorch writes its checkpoints", chooseAnother),
            ("ggml", "is of the format GGML, which GGUF replaced in 2023", chooseAnother),
            ("lmgg", "is of the format GGML, which GGUF replaced in 2023", chooseAnother),
            ("tjgg", "is of the format GGJT, which GGUF replaced in 2023", chooseAnother),
        ]
        if let kind = kinds.first(where: { bytes.starts(with: $0.beginning.utf8) }) {
            return ModelError(.notGGUF, "\(file) \(kind.what)", remedy: kind.remedy)
        }
        return ModelError(
            .notGGUF,
            bytes.isEmpty ? "\(file) is empty" : "\(file) is not a GGUF file: it does not begin with the letters GGUF",
            remedy: "Give the path of a .gguf file; `attune base pull smollm2` fetches the default base.")
    }

    static func unsupportedVersion(_ version: UInt32, _ file: String) -> ModelError {
        let reason =
            version & 0xFFFF == 0 && version != 0
            ? "is written in big-endian byte order" : "has GGUF version \(version); versions 2 and 3 are read"
        return ModelError(
            .unsupportedVersion, "\(file) \(reason)",
            remedy: version & 0xFFFF != 0 && version > 3
                ? chooseAnother : "Convert the model again with a current llama.cpp on a little-endian machine.")
    }

    static func truncated(_ file: String, while what: String, _ cause: (any Error)?) -> ModelError {
        ModelError(.truncated, "\(file) ends inside \(what)", remedy: fetchAgain, cause: cause)
    }

    static func badMetadata(_ file: String, _ reason: String) -> ModelError {
        ModelError(.badMetadata, "the metadata of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func badTensor(_ file: String, _ reason: String) -> ModelError {
        ModelError(.badTensor, "the tensor list of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func badPlacement(_ file: String, _ reason: String) -> ModelError {
        ModelError(.badPlacement, "the tensor data of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func unsupportedType(_ file: String, tensor: String, type: String, supported: String) -> ModelError {
        ModelError(
            .unsupportedType,
            "tensor \(tensor) of \(file) is stored as \(type), which is not read; supported are \(supported)",
            remedy: "Choose a file with another quantisation, such as Q4_K_M, Q8_0 or F16.")
    }

    static func badSplit(_ message: String, remedy: String, cause: (any Error)? = nil) -> ModelError {
        ModelError(.badSplit, message, remedy: remedy, cause: cause)
    }

    static func changedInUse(_ file: String) -> ModelError {
        ModelError(
            .changedInUse,
            "\(file) was changed or cut short while it was in use; nothing computed from it since was kept",
            remedy: "Put the file back and check it: attune base verify")
    }

    // Models.

    static func unsupportedArchitecture(_ name: String, file: String, supported: [String]) -> ModelError {
        let list = supported.joined(separator: ", ")
        return ModelError(
            .unsupportedArchitecture,
            "\(file) holds a model of architecture “\(name)”; what is supported is \(list) "
                + "(SmolLM2, TinyLlama, Llama 2 and 3, Mistral)", remedy: chooseAnother)
    }

    static func missingKey(_ key: String, file: String) -> ModelError {
        ModelError(.missingKey, "\(file) does not say \(key)", remedy: chooseAnother)
    }

    static func badValue(_ key: String, file: String, _ reason: String) -> ModelError {
        ModelError(.badValue, "\(key) of \(file) \(reason)", remedy: chooseAnother)
    }

    static func missingTensor(_ name: String, file: String) -> ModelError {
        ModelError(.missingTensor, "\(file) has no tensor \(name)", remedy: fetchAgain)
    }

    static func wrongShape(_ name: String, file: String, is shape: [Int], expected: [Int]) -> ModelError {
        ModelError(
            .wrongShape, "tensor \(name) of \(file) has shape \(shape), and its model needs \(expected)",
            remedy: fetchAgain)
    }

    static func notFinite(_ name: String, file: String) -> ModelError {
        ModelError(
            .notFinite, "tensor \(name) of \(file) holds values that are not numbers or infinite", remedy: fetchAgain)
    }

    static func unsupportedFeature(_ feature: String, file: String) -> ModelError {
        ModelError(.unsupportedFeature, "\(file) uses \(feature), which is not supported", remedy: chooseAnother)
    }

    static func badTokenizer(_ file: String, _ reason: String) -> ModelError {
        ModelError(.badTokenizer, "the tokenizer of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    // Drawing tokens.

    static var notANumber: ModelError {
        ModelError(
            .notANumber, "the model's scores of the next token are not numbers",
            remedy: "Use an earlier version of the adapter, or none: the training of this one has diverged.")
    }

    static func badOption(_ name: String, _ rule: String) -> ModelError {
        ModelError(.badOption, "\(name) must be \(rule)", remedy: "Give another value or leave it out.")
    }
}

extension ModelError {
    static func contextExceeded(needed: Int, limit: Int) -> ModelError {
        ModelError(
            .contextExceeded, "\(needed) tokens do not fit into a context of \(limit)",
            remedy: "Shorten the prompt, start a new conversation, or raise it: attune chat --context N")
    }

    static func tokenOutsideVocabulary(_ id: Int32, vocabulary: Int) -> ModelError {
        ModelError(
            .tokenOutsideVocabulary, "token \(id) is outside of the base's vocabulary of \(vocabulary)",
            remedy: "Encode the text again with the tokenizer of this base.")
    }

    static func cacheTypeDoesNotFit(_ type: CacheType, headDimension: Int) -> ModelError {
        ModelError(
            .cacheTypeDoesNotFit,
            "keys and values of \(headDimension) elements a head cannot be kept as \(type.rawValue), whose "
                + "blocks have 32", remedy: "Keep them in half precision: --kv-cache f16")
    }

    static var nothingToEvaluate: ModelError {
        ModelError(.nothingToEvaluate, "there are no tokens to evaluate", remedy: "Give a prompt that is not empty.")
    }
}

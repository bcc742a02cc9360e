// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

/// What can go wrong with a base model: its file, its architecture, the numbers in it and drawing tokens from it.
package struct ModelError: AttuneError {
    package let code: String
    package let message: String
    package let remedy: String?
    package let exitStatus: ExitStatus
    package let cause: (any Error)?

    package init(
        code: String, message: String, remedy: String?, exitStatus: ExitStatus = .invalidData,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exitStatus = exitStatus
        self.cause = cause
    }
}

extension ModelError {
    static let fetchAgain = "Fetch the file again from where it was published, then run `attune base add FILE`."
    static let chooseAnother =
        "Choose another file: `attune base pull smollm2` fetches the default base, `attune base add FILE` adds your own."

    // Files.

    static func notGGUF(_ file: String) -> ModelError {
        ModelError(
            code: "E-GGUF-001", message: "\(file) is not a GGUF file: it does not begin with the letters GGUF",
            remedy: "Give the path of a .gguf file; `attune base pull smollm2` fetches the default base.")
    }

    static func unsupportedVersion(_ version: UInt32, _ file: String) -> ModelError {
        let reason =
            version & 0xFFFF == 0 && version != 0
            ? "is written in big-endian byte order" : "has GGUF version \(version); versions 2 and 3 are read"
        return ModelError(
            code: "E-GGUF-002", message: "\(file) \(reason)",
            remedy: "Convert the model again with a current llama.cpp on a little-endian machine.")
    }

    static func truncated(_ file: String, while what: String, _ cause: (any Error)?) -> ModelError {
        ModelError(code: "E-GGUF-003", message: "\(file) ends inside \(what)", remedy: fetchAgain, cause: cause)
    }

    static func badMetadata(_ file: String, _ reason: String) -> ModelError {
        ModelError(code: "E-GGUF-004", message: "the metadata of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func badTensor(_ file: String, _ reason: String) -> ModelError {
        ModelError(
            code: "E-GGUF-005", message: "the tensor list of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func badPlacement(_ file: String, _ reason: String) -> ModelError {
        ModelError(
            code: "E-GGUF-006", message: "the tensor data of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    static func unsupportedType(_ file: String, tensor: String, type: String, supported: String) -> ModelError {
        ModelError(
            code: "E-GGUF-007",
            message: "tensor \(tensor) of \(file) is stored as \(type), which is not read; supported are \(supported)",
            remedy: "Choose a file with another quantisation, such as Q4_K_M, Q8_0 or F16.")
    }

    static func badSplit(_ message: String, remedy: String, cause: (any Error)? = nil) -> ModelError {
        ModelError(code: "E-GGUF-008", message: message, remedy: remedy, cause: cause)
    }

    static func changedInUse(_ file: String) -> ModelError {
        ModelError(
            code: "E-GGUF-009",
            message: "\(file) was changed or cut short while it was in use; nothing computed from it since was kept",
            remedy: "Put the file back and check it: attune base verify")
    }

    // Models.

    static func unsupportedArchitecture(_ name: String, file: String, supported: [String]) -> ModelError {
        let list = supported.joined(separator: ", ")
        return ModelError(
            code: "E-MODEL-001",
            message: "\(file) holds a model of architecture “\(name)”; supported is: \(list) "
                + "(SmolLM2, TinyLlama, Llama 2 and 3, Mistral)",
            remedy: chooseAnother)
    }

    static func missingKey(_ key: String, file: String) -> ModelError {
        ModelError(code: "E-MODEL-002", message: "\(file) does not say \(key)", remedy: chooseAnother)
    }

    static func badValue(_ key: String, file: String, _ reason: String) -> ModelError {
        ModelError(code: "E-MODEL-003", message: "\(key) of \(file) \(reason)", remedy: chooseAnother)
    }

    static func missingTensor(_ name: String, file: String) -> ModelError {
        ModelError(code: "E-MODEL-004", message: "\(file) has no tensor \(name)", remedy: fetchAgain)
    }

    static func wrongShape(_ name: String, file: String, is shape: [Int], expected: [Int]) -> ModelError {
        ModelError(
            code: "E-MODEL-005",
            message: "tensor \(name) of \(file) has shape \(shape), and its model needs \(expected)",
            remedy: fetchAgain)
    }

    static func notFinite(_ name: String, file: String) -> ModelError {
        ModelError(
            code: "E-MODEL-006", message: "tensor \(name) of \(file) holds values that are not numbers or infinite",
            remedy: fetchAgain)
    }

    static func unsupportedFeature(_ feature: String, file: String) -> ModelError {
        ModelError(
            code: "E-MODEL-007", message: "\(file) uses \(feature), which is not supported", remedy: chooseAnother)
    }

    static func badTokenizer(_ file: String, _ reason: String) -> ModelError {
        ModelError(code: "E-MODEL-008", message: "the tokenizer of \(file) is damaged: \(reason)", remedy: fetchAgain)
    }

    // Drawing tokens.

    static let notANumber = ModelError(
        code: "E-SAMPLE-001", message: "the model's scores of the next token are not numbers",
        remedy: "Use an earlier version of the adapter, or none: the training of this one has diverged.")

    static func badOption(_ name: String, _ rule: String) -> ModelError {
        ModelError(
            code: "E-SAMPLE-002", message: "\(name) must be \(rule)", remedy: "Give another value or leave it out.",
            exitStatus: .usage)
    }
}

extension ModelError {
    static func contextExceeded(needed: Int, limit: Int) -> ModelError {
        ModelError(
            code: "E-DECODE-001", message: "\(needed) tokens do not fit into a context of \(limit)",
            remedy: "Shorten the prompt, start a new conversation, or raise it: attune chat --context N")
    }

    static func tokenOutsideVocabulary(_ id: Int32, vocabulary: Int) -> ModelError {
        ModelError(
            code: "E-DECODE-002", message: "token \(id) is outside of the base's vocabulary of \(vocabulary)",
            remedy: "Encode the text again with the tokenizer of this base.")
    }

    static func cacheTypeDoesNotFit(_ type: CacheType, headDimension: Int) -> ModelError {
        ModelError(
            code: "E-DECODE-004",
            message: "keys and values of \(headDimension) elements a head cannot be kept as \(type.rawValue), whose "
                + "blocks have 32",
            remedy: "Keep them in half precision: --kv-cache f16", exitStatus: .usage)
    }

    static var nothingToEvaluate: ModelError {
        ModelError(
            code: "E-DECODE-003", message: "there are no tokens to evaluate", remedy: "Give a prompt that is not empty."
        )
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTensor

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

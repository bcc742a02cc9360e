// Attune
// SPDX-License-Identifier: Apache-2.0

/// Spellings that begin or end a turn in the known families.
enum TurnMarkers {
    /// Tokens that end what a model writes, whatever the file calls them.
    static let ends: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>",
        "<EOT>", "</s>", "<|end_of_text|>", "<eos>", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ]

    /// Tokens that begin a turn or a text.
    static let begins: Set<String> = [
        "<|im_start|>", "<|im_sep|>", "<start_of_turn>", "<|start_header_id|>", "<|end_header_id|>", "<|user|>",
        "<|assistant|>", "<|system|>", "<|tool|>", "<s>", "<bos>", "<|begin_of_text|>", "[INST]", "[/INST]",
        "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]",
    ]

    /// Whether a token with this spelling must be control although the file says otherwise.
    ///
    /// Some files mark turn tokens as user-defined, which would let typed text forge a turn.
    static func mustBeControl(_ spelling: String, _ kind: TokenKind, typed: Bool) -> Bool {
        guard !kind.isControl else { return false }
        return ends.contains(spelling) || ((!typed || kind == .userDefined) && begins.contains(spelling))
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

/// The ways of writing a conversation that are known, by the names under which they are known.
enum ChatFormat: String, Sendable, CaseIterable {
    case chatML = "chatml"
    case phi4
    case smolVLM = "smolvlm"
    case mistralV1 = "mistral-v1"
    case mistralV3 = "mistral-v3"
    case mistralV3Tekken = "mistral-v3-tekken"
    case mistralV7 = "mistral-v7"
    case llama2
    case phi3
    case falcon3
    case glmEdge = "glm-edge"
    case zephyr
    case gemma
    case llama3
    /// `User: …` and `Assistant: …` lines, for models that have no template or an unknown one.
    case plain

    /// The format of a file's template, by what it contains.
    ///
    /// The template is a program of unknown origin, so it is looked at and never run.
    init(detectedIn template: String) {
        let bytes = Array(template.utf8)
        func has(_ text: String) -> Bool { bytes.contains(subsequence: Array(text.utf8)) }
        if has("<|im_start|>") {
            self = has("<|im_sep|>") ? .phi4 : has("<end_of_utterance>") ? .smolVLM : .chatML
        } else if template.hasPrefix("mistral") || has("[INST]") {
            self = Self.detectInstruct(has)
        } else if has("<|assistant|>") && has("<|end|>") {
            self = .phi3
        } else if has("<|user|>") && Self.endsUserTurns(has) {
            // Zephyr also names the assistant, and would be taken for one of the next two.
            self = .zephyr
        } else if has("<|assistant|>") && has("<|user|>") {
            self = has("</s>") || has("eos_token") ? .falcon3 : .glmEdge
        } else if has("<start_of_turn>") {
            self = .gemma
        } else if has("<|start_header_id|>") && has("<|end_header_id|>") {
            self = .llama3
        } else {
            self = .plain
        }
    }

    private static func detectInstruct(_ has: (String) -> Bool) -> ChatFormat {
        if has("[SYSTEM_PROMPT]") { return .mistralV7 }
        guard has("' [INST] ' + system_message") || has("[AVAILABLE_TOOLS]") else { return .llama2 }
        return has(" [INST]") ? .mistralV1 : has("\"[INST]\"") ? .mistralV3Tekken : .mistralV3
    }

    private static func endsUserTurns(_ has: (String) -> Bool) -> Bool {
        // The line feed is one in some files, and spelled for Jinja in others.
        ["\n", "\\n"].contains { has("'<|user|>\($0)' + message['content'] + eos_token") } || has("<|endoftext|>")
    }
}

extension [UInt8] {
    /// Whether `needle` occurs in these bytes.
    func contains(subsequence needle: [UInt8]) -> Bool {
        guard let first = needle.first, needle.count <= count else { return needle.isEmpty }
        for index in 0...count - needle.count where self[index] == first {
            if self[index..<index + needle.count].elementsEqual(needle) { return true }
        }
        return false
    }
}

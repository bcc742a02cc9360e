// Attune
// SPDX-License-Identifier: Apache-2.0

/// Formats in which each message is a header with the role, the text, and an end.
extension ChatTemplate {
    private struct Frame {
        var header: (String) -> String
        /// Token that ends an answer, and so is learned with it.
        var end: String
        /// The same for other messages, where it differs.
        var otherEnd: String?
        /// What follows the end token.
        var tail: String
        var prompt: String
        var trims = false
    }

    private var frame: Frame {
        let bar: (String) -> String = { "<|\($0)|>\n" }
        switch format {
        case .phi4:
            return Frame(
                header: { "<|im_start|>\($0)<|im_sep|>" }, end: "<|im_end|>", tail: "",
                prompt: "<|im_start|>assistant<|im_sep|>")
        case .phi3: return Frame(header: bar, end: "<|end|>", tail: "\n", prompt: "<|assistant|>\n")
        case .falcon3:
            // The model's own template ends answers, and only them, with the end-of-text token.
            return Frame(header: bar, end: endOfText, otherEnd: "", tail: "\n", prompt: "<|assistant|>\n")
        case .glmEdge: return Frame(header: bar, end: "", tail: "\n", prompt: "<|assistant|>\n")
        case .zephyr:
            return Frame(
                header: bar, end: endOfText.isEmpty ? "<|endoftext|>" : endOfText, tail: "\n",
                prompt: "<|assistant|>\n")
        case .llama3:
            return Frame(
                header: { "<|start_header_id|>\($0)<|end_header_id|>\n\n" }, end: "<|eot_id|>", tail: "",
                prompt: "<|start_header_id|>assistant<|end_header_id|>\n\n", trims: true)
        default:
            return Frame(
                header: { "<|im_start|>\($0)\n" }, end: "<|im_end|>", tail: "\n", prompt: "<|im_start|>assistant\n")
        }
    }

    func renderHeaders(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, into writer: inout TemplateWriter) {
        let frame = frame
        for message in messages {
            let end = message.role == .assistant ? frame.end : frame.otherEnd ?? frame.end
            writer.markup(frame.header(message.role.rawValue))
            writer.content(frame.trims ? message.content.trimmed : message.content, trained: message.isLearned)
            writer.markup(end, trained: message.isLearned)
            writer.markup(frame.tail)
        }
        if addGenerationPrompt { writer.markup(frame.prompt) }
    }

    /// Gemma knows no system role: its text goes before that of the first user turn.
    func renderGemma(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, into writer: inout TemplateWriter) {
        var system = ""
        for message in messages {
            let text = message.content.trimmed
            if message.role == .system {
                system += (system.isEmpty ? "" : "\n\n") + text
                continue
            }
            let answer = message.role == .assistant
            writer.markup("<start_of_turn>\(answer ? "model" : "user")\n")
            if !system.isEmpty && !answer {
                writer.content(system + "\n\n")
                system = ""
            }
            writer.content(text, trained: message.isLearned)
            writer.markup("<end_of_turn>", trained: message.isLearned)
            writer.markup("\n")
        }
        if addGenerationPrompt { writer.markup("<start_of_turn>model\n") }
    }

    func renderSmolVLM(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, into writer: inout TemplateWriter) {
        writer.markup("<|im_start|>")
        for message in messages {
            switch message.role {
            case .system: writer.content(message.content + "\n\n")
            case .assistant:
                writer.markup("Assistant:")
                writer.content(" " + message.content, trained: message.isLearned)
                writer.markup("<end_of_utterance>", trained: message.isLearned)
                writer.markup("\n")
            case .user, .tool:
                writer.markup("User: ")
                writer.content(message.content)
                writer.markup("<end_of_utterance>\n")
            }
        }
        if addGenerationPrompt { writer.markup("Assistant:") }
    }

    /// Lines with the speaker's name, for models that were taught no format.
    func renderPlain(_ messages: [ChatMessage], _ addGenerationPrompt: Bool, into writer: inout TemplateWriter) {
        for message in messages {
            switch message.role {
            case .system: writer.content(message.content + "\n\n")
            case .assistant:
                // The space belongs to the answer: a prompt that ends in one tokenises badly.
                writer.markup("Assistant:")
                writer.content(" " + message.content, trained: message.isLearned)
                writer.markup(endOfText, trained: message.isLearned)
                writer.markup("\n")
            case .user, .tool:
                writer.markup("User: ")
                writer.content(message.content)
                writer.markup("\n")
            }
        }
        if addGenerationPrompt { writer.markup("Assistant:") }
    }
}

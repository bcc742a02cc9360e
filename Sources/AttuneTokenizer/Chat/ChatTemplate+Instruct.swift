// Attune
// SPDX-License-Identifier: Apache-2.0

/// Formats in which the user's text stands between `[INST]` and `[/INST]`.
extension ChatTemplate {
    private var closing: String { endOfText.isEmpty ? "</s>" : endOfText }

    func renderMistral(_ messages: [ChatMessage], into writer: inout TemplateWriter) {
        let before = format == .mistralV1 ? " " : ""
        let after = format == .mistralV3Tekken ? "" : " "
        var open = false
        for message in messages {
            if message.role == .system && format == .mistralV7 {
                writer.markup("[SYSTEM_PROMPT]" + after)
                writer.content(message.content)
                writer.markup("[/SYSTEM_PROMPT]")
                continue
            }
            if message.role == .assistant {
                writer.content(
                    after + (format == .mistralV3 ? message.content.trimmed : message.content),
                    trained: message.isLearned)
                writer.markup(closing, trained: message.isLearned)
                open = false
                continue
            }
            if !open { writer.markup(before + "[INST]" + after) }
            open = true
            writer.content(message.content)
            if message.role == .system {
                writer.markup("\n\n")
            } else {
                writer.markup(before + "[/INST]")
                open = false
            }
        }
    }

    func renderLlama2(_ messages: [ChatMessage], into writer: inout TemplateWriter) {
        var open = false
        var first = true
        for message in messages {
            if message.role == .assistant {
                writer.content(" " + message.content + " ", trained: message.isLearned)
                writer.markup(closing, trained: message.isLearned)
                open = false
                continue
            }
            // The first turn follows the beginning-of-text token of the whole text.
            if !open { writer.markup((first ? "" : beginningOfText) + "[INST] ") }
            open = true
            first = false
            if message.role == .system {
                writer.markup("<<SYS>>\n")
                writer.content(message.content)
                writer.markup("\n<</SYS>>\n\n")
            } else {
                writer.content(message.content)
                writer.markup(" [/INST]")
                open = false
            }
        }
    }
}

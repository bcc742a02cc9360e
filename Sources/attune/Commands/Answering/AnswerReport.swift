// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit

/// `attune ask --json`
struct AnswerReport: Encodable {
    struct Logit: Encodable {
        let id: Int32
        let logit: Float
    }

    let schema = 1
    let text: String
    let tokens: [Int32]
    let adapter: String?
    let base: String
    let stop: String
    let seed: UInt64
    let promptIds: [Int32]
    let promptTokens: Int
    let prefillSeconds: Double
    let decodeSeconds: Double
    let topLogits: [Logit]?

    init(
        source: AnswerSource, answer: Answer, seed: UInt64, prompt: [Int32],
        topLogits: [(id: Int32, logit: Float)]
    ) {
        text = answer.text
        tokens = answer.tokens
        adapter = source.adapter
        base = source.base.name
        stop = answer.stop
        self.seed = seed
        promptIds = prompt
        promptTokens = answer.promptTokens
        prefillSeconds = answer.prefillSeconds
        decodeSeconds = answer.decodeSeconds
        self.topLogits = topLogits.isEmpty ? nil : topLogits.map { Logit(id: $0.id, logit: $0.logit) }
    }
}

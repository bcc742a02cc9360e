// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor
import AttuneTraining

/// How a base answers in the memory that there is: which form its weights have, and how much of them stays.
package struct DecodingPlan: Sendable {
    package let precision: DecodingPrecision
    /// What the plan asks of the base.
    package let memory: MemoryUse
    /// Bytes that the process will occupy.
    package let total: Int

    /// Plans for a context of `context` tokens of which `tokens` are taken at once.
    ///
    /// The fastest form that fits: weights copied for int8, mapped, or streamed layer by layer. Without a limit that a
    /// person set, copies take no more than half of what is free.
    /// - Throws: `KitError` `E-MEMORY-001` if the keys and values alone do not fit, `E-MEMORY-002` where
    ///   `--memory-limit` is below the least that works, `ModelError` `E-DECODE-004` if heads are no whole blocks of
    ///   `cacheType`.
    package init(
        model: BaseModel, tokens: Int, context: Int, cacheType: CacheType, limits: MemoryLimits
    ) throws {
        try cacheType.require(model.configuration)
        let cache = Decoder.bytes(of: model, cacheType: cacheType, positions: tokens, contextLength: context)
        guard cache <= limits.available else {
            throw KitError.contextDoesNotFit(context, needs: Double(cache), available: limits.available)
        }
        let working = cache + Decoder.scratchBytes(of: model, contextLength: context) + Self.program
        let (file, copied) = (model.file.totalBytes, RepackedWeights.byteCount(model))
        let resident: Int?
        if limits.asked == nil, copied <= limits.available / 2 {
            (precision, resident, total) = (.int8, nil, working + copied + file)
        } else if limits.asked != nil, working + copied + file <= limits.available {
            (precision, resident, total) = (.int8, nil, working + copied + file)
        } else if working + file <= limits.available {
            (precision, resident, total) = (.bfloat16, nil, working + file)
        } else {
            let room = limits.available - working - Self.seams
            guard room >= model.residency.minimum || limits.asked == nil else {
                throw KitError.limitTooLow(
                    needed: working + Self.seams + model.residency.minimum, limit: limits.available)
            }
            let window = max(model.residency.minimum, min(room, model.residency.total))
            (precision, resident, total) = (.bfloat16, window, working + Self.seams + window)
        }
        memory = MemoryUse(weights: resident, of: model, free: limits.free)
    }

    /// Program, tokenizer, store and adapter.
    private static let program = 80 << 20
    /// What the kernel maps beside the layers that are held, and rows of the embedding.
    private static let seams = 12 << 20
}

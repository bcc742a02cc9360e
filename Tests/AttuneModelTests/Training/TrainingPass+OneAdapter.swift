// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneModel
import AttuneTensor

extension TrainingPass {
    /// One adapter on the whole batch; nil is the base alone.
    func forward(
        _ batch: PackedTokens, parameters: LoRAParameters<Element>?,
        dropout: (rate: Float, stream: RandomStream)? = nil
    ) -> Matrix<Element> {
        forward(
            batch,
            adapters: parameters.map { [AdapterRows(rows: 0..<batch.count, parameters: $0, dropout: dropout)] } ?? [])
    }

    func backward(_ dHidden: Matrix<Element>, accumulatingInto gradients: LoRAParameters<Element>) {
        backward(dHidden, accumulatingInto: [gradients])
    }
}

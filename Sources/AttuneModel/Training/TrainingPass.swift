// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneTensor

/// The model's layers forward and backward over a packed batch, up to the final norm; the head is the loss's business.
///
/// All memory is planned and allocated when it is made. Layers that do not keep their activations keep their input and
/// are run again before their backward pass (arXiv:1604.06174). One pass serves one thread at a time.
package final class TrainingPass<Element: PassNumber> {
    package let settings: PassSettings
    private let pass: any OperandPass<Element>

    /// Plans and allocates.
    ///
    /// - Parameter layouts: of the adapters that `forward` will be given; none for the base alone.
    /// - Precondition: the layouts were made for the shape of `model`.
    package init(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) {
        precondition(settings.maxTokens > 0, "maxTokens \(settings.maxTokens)")
        precondition(layouts.allSatisfy { $0.fits(model.shape) }, "a layout belongs to another base")
        self.settings = settings
        pass =
            settings.rounds
            ? PassOfOperands<Element.Rounded>(model: model, layouts: layouts, settings: settings)
            : PassOfOperands<Element>(model: model, layouts: layouts, settings: settings)
    }

    /// The exact bytes that `init` allocates with these arguments.
    package static func bytes(model: BaseModel, layouts: [LoRALayout], settings: PassSettings) -> Int {
        settings.rounds
            ? PassOfOperands<Element.Rounded>.bytes(model: model, layouts: layouts, settings: settings)
            : PassOfOperands<Element>.bytes(model: model, layouts: layouts, settings: settings)
    }

    /// The lowest layer that an adapter changes, or L where there is none.
    package var lowestAdaptedLayer: Int { pass.lowestAdaptedLayer }

    /// Hidden states after the final norm, T × D, valid until the next call.
    ///
    /// - Parameters:
    ///   - adapters: for disjoint rows in ascending order; rows of none, and all without any, are the base's alone.
    ///   - trunk: the residual stream before `lowestAdaptedLayer`, T × D, as `trunk(of:)` gives it for the same batch;
    ///     nil computes it.
    /// - Precondition: ids are below V and there are 1...maxTokens of them.
    package func forward(
        _ batch: PackedTokens, adapters: [AdapterRows<Element>] = [], trunk: Matrix<Element>? = nil
    ) -> Matrix<Element> {
        pass.forward(batch, adapters: adapters, trunk: trunk)
    }

    /// The residual stream before `lowestAdaptedLayer`, T × D, valid until the next call; the same for any adapters.
    package func trunk(of batch: PackedTokens) -> Matrix<Element> { pass.trunk(of: batch) }

    /// Memory for `rows` of the states that `forward` takes as `trunk`: T × D, used up by it.
    package func trunkRows(_ rows: Int) -> Matrix<Element> { pass.trunkRows(rows) }

    /// Adds dA and dB of the last forward pass to the gradients of its adapters, given the gradient of its result,
    /// T × D.
    ///
    /// Nothing is computed below the lowest adapted layer.
    /// - Parameter gradients: one for each adapter of the forward pass, with the same layout.
    /// - Precondition: follows a `forward` with adapters; each forward pass serves one backward pass.
    package func backward(_ dHidden: Matrix<Element>, accumulatingInto gradients: [LoRAParameters<Element>]) {
        pass.backward(dHidden, accumulatingInto: gradients)
    }
}

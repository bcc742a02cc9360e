// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// A LoRA adapter in memory: y = Wx + s·B(Ax) at each site of its layout.
///
/// Rows of B for q and k are in the order of the base's own file; readers and writers of other formats reorder.
package struct Adapter: Sendable {
    package let base: BaseIdentity
    package let configuration: LoRAConfiguration
    package let parameters: LoRAParameters<Float>

    package var layout: LoRALayout { parameters.layout }

    package init(base: BaseIdentity, configuration: LoRAConfiguration, parameters: LoRAParameters<Float>) {
        self.base = base
        self.configuration = configuration
        self.parameters = parameters
    }
}

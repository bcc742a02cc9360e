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

extension Adapter {
    /// A new adapter that changes nothing yet: A uniform in ±1/√in (Kaiming, a = √5), B zero.
    ///
    /// The numbers of a site depend on `seed` and the site alone, so other sites or threads do not change them.
    package static func initialized(
        base: BaseIdentity, configuration: LoRAConfiguration, seed: UInt64
    ) -> Adapter {
        let layout = LoRALayout(shape: base.shape, configuration: configuration)
        let parameters = LoRAParameters<Float>(layout: layout)
        for entry in layout.entries {
            let module = UInt64(TargetModule.allCases.firstIndex(of: entry.site.module) ?? 0)
            let stream = RandomStream(seed: seed, path: 1, UInt64(entry.site.layer), module)
            let bound = 1 / Double(entry.inputs).squareRoot()
            let a = parameters.a(entry).buffer
            for index in a.indices {
                a[index] = Float((2 * stream.uniform(at: UInt64(index)) - 1) * bound)
            }
        }
        return Adapter(base: base, configuration: configuration, parameters: parameters)
    }
}

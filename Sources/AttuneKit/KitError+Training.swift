// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore

extension KitError {
    static func noSuchLayer(_ layer: Int, of count: Int) -> KitError {
        KitError(
            code: "E-TRAIN-020", message: "the base has \(count) layers, numbered from 0; \(layer) is too many",
            remedy: "Say which: --layers last:\(count / 2), --layers 0-\(count - 1) or --layers all", exitStatus: .usage)
    }
}

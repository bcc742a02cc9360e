// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneKit

/// What `--version` says.
enum BuildInfo {
    static let version = "0.1.0"
    static let storeFormat = 1

    static var line: String { "attune \(version), store format \(storeFormat), kernels \(Processor.kernels)" }
}

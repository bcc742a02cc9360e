// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTraining

/// The state of a training run that was stopped; what is taken is written back byte for byte but for its JSON.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    do {
        let checkpoint = try Checkpoint(encoded: UnsafeRawBufferPointer(start: data, count: count))
        let again = try checkpoint.encoded()
        let read = try again.withUnsafeBytes { try Checkpoint(encoded: $0) }
        let twice = try read.encoded()
        precondition(twice == again, "another state is written")
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
    return 0
}

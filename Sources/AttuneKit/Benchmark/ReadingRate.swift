// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTensor

/// Plain reading of memory that no cache holds.
struct ReadingRate {
    /// 128 MiB, more than the last cache of the CPUs that Attune is for.
    private let memory = Matrix<Float>(rows: 1, columns: 32 << 20)

    func bytesPerSecond() -> Double { Ceiling.readRate(UnsafeRawBufferPointer(memory.buffer)) }
}

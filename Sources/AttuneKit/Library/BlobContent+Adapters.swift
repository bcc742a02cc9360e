// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneVault

extension Adapter {
    /// The safetensors bytes for the store, a tensor at a time, rounded to bfloat16 where `rounding` says so.
    func content(rounding: Bool) -> BlobContent {
        BlobContent { sink in
            try writer(rounding: rounding).write(
                header: { header, _ in try header.withUnsafeBytes { try sink(.raw, $0) } },
                tensor: { try sink(.float32, $0) })
        }
    }
}

extension BlobContent {
    /// Safetensors bytes that are in memory.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-001.
    init(safetensors bytes: [UInt8]) throws {
        self.init(bytes, runs: try bytes.withUnsafeBytes { try SafetensorsFile($0).runs(count: bytes.count) })
    }
}

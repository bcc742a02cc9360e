// Attune
// SPDX-License-Identifier: Apache-2.0

/// Layout 2: versions travel between devices.
extension StoreSchema {
    /// How a blob's bytes are encoded, and whether they are here. What layout 1 stored is encoded as it is.
    static let encodedBlobs = [
        "ALTER TABLE blobs ADD COLUMN codec INTEGER NOT NULL DEFAULT 0 CHECK (codec IN (0, 1))",
        "ALTER TABLE blobs ADD COLUMN encoded_size INTEGER CHECK (encoded_size >= 0)",
        "ALTER TABLE blobs ADD COLUMN state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3)",
    ]
}

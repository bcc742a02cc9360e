// Attune
// SPDX-License-Identifier: Apache-2.0

/// A version of another device whose tensors no adapter may hold; it is kept apart for good.
package struct RefusedVersion: Sendable, Encodable, Equatable {
    /// `notes@3`
    package let version: String
    /// Fingerprint of the device that published it, or `unknown`.
    package let device: String
    package let reason: String
}

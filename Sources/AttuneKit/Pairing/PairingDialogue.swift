// Attune
// SPDX-License-Identifier: Apache-2.0

/// What pairing shows to a person and asks; the calls may block on threads of their own.
package struct PairingDialogue: Sendable {
    /// A code that is to be typed on another device.
    package struct ShownCode: Sendable {
        /// `7-otter-lantern-cedar`
        package let code: String
        package let relay: String?
        /// How long it is good.
        package let seconds: Int
    }

    package let showCode: @Sendable (ShownCode) async throws -> Void
    package let showWords: @Sendable ([String]) async throws -> Void
    /// Whether the words are the same on the screen of the device with this name.
    package let confirm: @Sendable (String) async throws -> Bool

    package init(
        showCode: @escaping @Sendable (ShownCode) async throws -> Void,
        showWords: @escaping @Sendable ([String]) async throws -> Void,
        confirm: @escaping @Sendable (String) async throws -> Bool
    ) {
        self.showCode = showCode
        self.showWords = showWords
        self.confirm = confirm
    }
}

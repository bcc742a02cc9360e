// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static let deviceKeysDamaged = CryptoError(
        code: "E-KEY-040", message: "the keys of this device do not open under the key of this store",
        remedy: "Restore the store from a backup, or enrol as a new device: attune devices join",
        exitStatus: .invalidData)

    static let envelopeRefused = CryptoError(
        code: "E-KEY-041", message: "a key that was sealed for this device does not open",
        remedy: "Let another device renew the keys of the circle: attune devices list", exitStatus: .invalidData)

    static let sealingKeyRefused = CryptoError(
        code: "E-KEY-042", message: "the public sealing key of a device is not one",
        remedy: "Do not add this device; start again with a new code: attune devices add", exitStatus: .invalidData)

    package static func epochRefused(_ what: String, epoch: UInt32) -> CryptoError {
        CryptoError(
            code: "E-KEY-043", message: "\(what) does not open under the key of epoch \(epoch)",
            remedy: "Sync again; if it stays, the device that wrote it is faulty: attune devices list",
            exitStatus: .invalidData)
    }

    package static let deviceName = CryptoError(
        code: "E-KEY-044",
        message: "a device's name has 1 to 64 bytes that can be seen, with single spaces between words",
        remedy: "Choose another name.", exitStatus: .usage)

    static let codeShape = CryptoError(
        code: "E-CODE-001", message: "a code is a number of 1 to 4 digits and three words",
        remedy: "Type it as the other device shows it, such as 7-otter-lantern-cedar.", exitStatus: .usage)

    /// Names the place, but not what was typed.
    static func codeWord(position: Int) -> CryptoError {
        CryptoError(
            code: "E-CODE-002", message: "word \(position) of the code is not one that codes have",
            remedy: "Type it as the other device shows it; the first three letters of a word are enough.",
            exitStatus: .usage)
    }

    static let exchangeRefused = CryptoError(
        code: "E-CODE-003", message: "the other side sent what no honest device sends",
        remedy: "Start again with a new code: attune devices add", exitStatus: .invalidData)

    static let codeDiffers = CryptoError(
        code: "E-CODE-004", message: "the code was typed differently on the two devices, or someone is in between",
        remedy: "Start again with a new code: attune devices add", exitStatus: .wrongKey)

    static let channelRefused = CryptoError(
        code: "E-CODE-005", message: "a message of the other device was changed on its way",
        remedy: "Start again with a new code: attune devices add", exitStatus: .invalidData)
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

extension CryptoError {
    static var deviceKeysDamaged: CryptoError {
        CryptoError(
            .deviceKeysDamaged, "the keys of this device do not open under the key of this store",
            remedy: "Restore the store from a backup, or enrol as a new device: attune devices join")
    }

    static var envelopeRefused: CryptoError {
        CryptoError(
            .envelopeRefused, "a key that was sealed for this device does not open",
            remedy: "Let another device renew the keys of the circle: attune devices list")
    }

    static var sealingKeyRefused: CryptoError {
        CryptoError(
            .sealingKeyRefused, "the public sealing key of a device is not one",
            remedy: "Do not add this device; start again with a new code: attune devices add")
    }

    package static func epochRefused(_ what: String, epoch: UInt32) -> CryptoError {
        CryptoError(
            .epochRefused, "\(what) does not open under the key of epoch \(epoch)",
            remedy: "Sync again; if it stays, the device that wrote it is faulty: attune devices list")
    }

    package static var deviceName: CryptoError {
        CryptoError(
            .deviceName, "a device's name has 1 to 64 bytes that can be seen, with single spaces between words",
            remedy: "Choose another name.")
    }

    static var codeShape: CryptoError {
        CryptoError(
            .codeShape, "a code is a number of 1 to 4 digits and three words",
            remedy: "Type it as the other device shows it, such as 7-otter-lantern-cedar.")
    }

    /// Names the place, but not what was typed.
    static func codeWord(position: Int) -> CryptoError {
        CryptoError(
            .codeWord, "word \(position) of the code is not one that codes have",
            remedy: "Type it as the other device shows it; the first three letters of a word are enough.")
    }

    static var exchangeRefused: CryptoError {
        CryptoError(
            .exchangeRefused, "the other side sent what no honest device sends",
            remedy: "Start again with a new code: attune devices add")
    }

    static var codeDiffers: CryptoError {
        CryptoError(
            .codeDiffers, "the code was typed differently on the two devices, or someone is in between",
            remedy: "Start again with a new code: attune devices add")
    }

    static var channelRefused: CryptoError {
        CryptoError(
            .channelRefused, "a message of the other device was changed on its way",
            remedy: "Start again with a new code: attune devices add")
    }
}

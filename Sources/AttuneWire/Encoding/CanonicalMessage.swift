// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
package import SwiftProtobuf

extension Message {
    /// Reads a message that has exactly one encoding: fields in order, each once, none unknown, no defaults written out.
    ///
    /// What is signed must not mean one thing to one reader and something else to another. Gives nil for any other bytes.
    package init?(canonical bytes: [UInt8]) {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        options.messageDepthLimit = WireLimits.depth
        guard let message = try? Self(serializedBytes: bytes, options: options),
            let again: [UInt8] = try? message.serializedBytes(), again == bytes
        else { return nil }
        self = message
    }
}

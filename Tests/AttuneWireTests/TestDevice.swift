// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import CSodium
import Foundation
import SwiftProtobuf

/// A device with a key of its own; its sealing key is only bytes, which is all that a chain looks at.
struct TestDevice {
    let record: ProtoDeviceRecord
    private let secret: [UInt8]

    /// - Parameter certificate: whose TLS key it shows; its own if nil.
    init(_ number: UInt8, paper: Bool = false, certificate: UInt8? = nil) {
        precondition(sodium_init() >= 0)
        var publicKey = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: 64)
        crypto_sign_seed_keypair(&publicKey, &secret, [UInt8](repeating: number, count: 32))
        self.secret = secret
        record = ProtoDeviceRecord.with {
            $0.signingKey = Data(publicKey)
            $0.sealingKey = Data(repeating: number, count: Link.sealingKeyBytes)
            if !paper { $0.tlsKeyHash = Data(repeating: certificate ?? number, count: 32) }
            $0.paper = paper
        }
    }

    var id: DeviceID { DeviceID(record) }
    var publicKey: [UInt8] { Array(record.signingKey) }

    func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
        return signature
    }
}

/// The code of the error that `body` throws; nil if it throws none.
func errorCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? WireError)?.code ?? "\(error)"
    }
}

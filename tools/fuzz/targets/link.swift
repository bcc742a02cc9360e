// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import CSodium
import Foundation
import SwiftProtobuf

/// A device link: as it comes, and as a body that a device of the circle signed and put at the right place.
///
/// What a chain takes keeps its rules: few devices, keys for exactly those that are active.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    check {
        let link = try Link(parsing: bytes)
        precondition(link.bytes == bytes && (1...WireLimits.links).contains(link.seq))
        _ = try DeviceChain(genesis: link)
    }
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    guard var body = try? ProtoLinkBody(serializedBytes: bytes, options: options) else { return 0 }
    let circle = Circle.shared
    // The signer is one of three, and what it signs stands at the place where it belongs.
    let signer = circle.signers[Int(body.version % 3)]
    body.version = 1
    body.suite = 2
    body.seq = circle.chain.seq + 1
    body.previous = Data(circle.chain.head.bytes)
    body.signer = Data(signer.id.bytes)
    body.epoch = circle.chain.epoch
    check {
        var chain = circle.chain
        try chain.append(Link(parsing: signer.seal(body)))
        precondition(chain.active.count <= WireLimits.activeDevices && !chain.active.isEmpty)
        precondition(chain.seq == circle.chain.seq + 1)
        if chain.epoch > circle.chain.epoch {
            precondition(Set(chain.envelopes.keys) == Set(chain.recipients.map(\.id)))
        }
        for (id, device) in circle.chain.devices where !device.isActive { precondition(chain.devices[id] == device) }
    }
    return 0
}

private func check(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

private struct Signer {
    let record: ProtoDeviceRecord
    let secret: [UInt8]
    var id: DeviceID { DeviceID(record) }

    init(_ number: UInt8, paper: Bool = false) {
        precondition(sodium_init() >= 0)
        var publicKey = [UInt8](repeating: 0, count: 32)
        var secret = [UInt8](repeating: 0, count: 64)
        crypto_sign_seed_keypair(&publicKey, &secret, [UInt8](repeating: number, count: 32))
        self.secret = secret
        record = .with {
            $0.signingKey = Data(publicKey)
            $0.sealingKey = Data(repeating: number, count: Link.sealingKeyBytes)
            if !paper { $0.tlsKeyHash = Data(repeating: number, count: 32) }
            $0.paper = paper
        }
    }

    func sign(_ text: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        crypto_sign_detached(&signature, nil, text, UInt64(text.count), secret)
        return signature
    }

    func seal(_ body: ProtoLinkBody) throws -> [UInt8] {
        let encoded: [UInt8] = try body.serializedBytes()
        let signed = ProtoSignedLink.with {
            $0.body = Data(encoded)
            $0.signature = Data(sign(SignedText.link(Link.hash(body: encoded))))
        }
        return try signed.serializedBytes()
    }
}

/// A circle of two devices and the recovery words.
private struct Circle: Sendable {
    let chain: DeviceChain
    let signers: [Signer]
    static let shared = make()

    static func keys(_ epoch: UInt32, _ devices: [Signer]) -> ProtoEpochKeys {
        .with {
            $0.epoch = epoch
            $0.envelopes = devices.map(\.id).sorted().map { id in
                .with {
                    $0.device = Data(id.bytes)
                    $0.sealed = Data(count: Link.envelopeBytes)
                }
            }
            if epoch > 1 { $0.sealedPrevious = Data(count: Link.sealedPreviousBytes) }
        }
    }

    static func make() -> Circle {
        let (first, second, paper) = (Signer(1), Signer(2), Signer(3, paper: true))
        var body = ProtoLinkBody()
        func place(_ chain: DeviceChain?) {
            body.version = 1
            body.suite = 2
            body.seq = (chain?.seq ?? 0) + 1
            body.previous = chain.map { Data($0.head.bytes) } ?? Data(count: 32)
            body.signer = Data(first.id.bytes)
            body.epoch = chain?.epoch ?? 0
        }
        do {
            place(nil)
            body.genesis = .with {
                $0.device = first.record
                $0.paper = paper.record
                $0.epochKeys = keys(1, [first, paper])
                $0.sealedName = Data(count: Link.sealedNameBytes)
            }
            var chain = try DeviceChain(genesis: Link(parsing: first.seal(body)))
            place(chain)
            let text = SignedText.join(circle: chain.circle, device: second.id, previous: chain.head)
            body.add = .with {
                $0.device = second.record
                $0.counterSignature = Data(second.sign(text))
                $0.sealedName = Data(count: Link.sealedNameBytes)
            }
            try chain.append(Link(parsing: first.seal(body)))
            place(chain)
            body.epochKeys = keys(2, [first, second, paper])
            try chain.append(Link(parsing: first.seal(body)))
            return Circle(chain: chain, signers: [first, second, paper])
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

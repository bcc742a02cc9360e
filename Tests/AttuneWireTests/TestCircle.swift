// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import SwiftProtobuf

/// Builds links without any of the checks that the product makes, so that wrong ones can be made too.
struct TestCircle {
    let first = TestDevice(1)
    let paper = TestDevice(200, paper: true)
    private(set) var chain: DeviceChain
    private(set) var links: [[UInt8]]

    /// The hash of the first link.
    var genesis: LinkHash { LinkHash(chain.circle.digest) }

    init(paper hasPaper: Bool = true) throws {
        let (first, paper) = (first, paper)
        let genesis = try Self.signed(by: first) { body in
            body.genesis = .with {
                $0.device = first.record
                if hasPaper { $0.paper = paper.record }
                $0.epochKeys = Self.keys(1, for: hasPaper ? [first, paper] : [first])
                $0.sealedName = Data(repeating: 1, count: Link.sealedNameBytes)
            }
        }
        links = [genesis]
        chain = try DeviceChain(genesis: Link(parsing: genesis))
    }

    static func keys(_ epoch: UInt32, for devices: [TestDevice]) -> ProtoEpochKeys {
        .with {
            $0.epoch = epoch
            $0.envelopes = devices.map(\.id).sorted().map { id in
                .with {
                    $0.device = Data(id.bytes)
                    $0.sealed = Data(repeating: UInt8(epoch), count: Link.envelopeBytes)
                }
            }
            if epoch > 1 { $0.sealedPrevious = Data(repeating: 7, count: Link.sealedPreviousBytes) }
        }
    }

    static func signed(
        by signer: TestDevice, seq: UInt64 = 1, previous: LinkHash? = nil, epoch: UInt32 = 0,
        _ fill: (inout ProtoLinkBody) -> Void
    ) throws -> [UInt8] {
        var body = ProtoLinkBody()
        body.suite = Link.suite
        body.seq = seq
        body.previous = Data(previous?.bytes ?? [UInt8](repeating: 0, count: 32))
        body.signer = Data(signer.id.bytes)
        body.epoch = epoch
        fill(&body)
        body.version = Link.version(of: body.payload)
        return try seal(body, by: signer)
    }

    static func seal(_ body: ProtoLinkBody, by signer: TestDevice) throws -> [UInt8] {
        let encoded: [UInt8] = try body.serializedBytes()
        let hash = Link.hash(body: encoded)
        let signed = ProtoSignedLink.with {
            $0.body = Data(encoded)
            $0.signature = Data(signer.sign(SignedText.link(hash)))
        }
        return try signed.serializedBytes()
    }

    /// A link after the newest one, not yet taken.
    func next(by signer: TestDevice, _ fill: (inout ProtoLinkBody) -> Void) throws -> Link {
        try Link(
            parsing: Self.signed(by: signer, seq: chain.seq + 1, previous: chain.head, epoch: chain.epoch, fill))
    }

    mutating func take(_ link: Link) throws {
        try chain.append(link)
        links.append(link.bytes)
    }

    func addition(of device: TestDevice, by signer: TestDevice) throws -> Link {
        let text = SignedText.join(circle: chain.circle, device: device.id, previous: chain.head)
        return try next(by: signer) { body in
            body.add = .with {
                $0.device = device.record
                $0.counterSignature = Data(device.sign(text))
                $0.sealedName = Data(repeating: 2, count: Link.sealedNameBytes)
            }
        }
    }

    func epoch(for devices: [TestDevice], by signer: TestDevice) throws -> Link {
        try next(by: signer) { $0.epochKeys = Self.keys(chain.epoch + 1, for: devices) }
    }

    func revocation(
        of devices: [TestDevice], staying: [TestDevice], by signer: TestDevice, second: TestDevice? = nil,
        lastSeq: UInt64 = 0, lastEntry: EntryHash? = nil
    ) throws -> Link {
        let ids = devices.map(\.id).sorted()
        return try next(by: signer) { body in
            body.revoke = .with {
                $0.revocations = ids.map { id in
                    .with {
                        $0.device = Data(id.bytes)
                        $0.lastSeq = lastSeq
                        $0.lastEntry = Data(lastEntry?.bytes ?? [])
                    }
                }
                $0.epochKeys = Self.keys(chain.epoch + 1, for: staying)
                if let second {
                    $0.secondSigner = Data(second.id.bytes)
                    $0.secondSignature = Data(
                        second.sign(SignedText.revoke(previous: chain.head, devices: ids)))
                }
            }
        }
    }

    func rename(_ device: TestDevice, by signer: TestDevice, _ mark: UInt8 = 3) throws -> Link {
        try next(by: signer) { body in
            body.rename = .with {
                $0.device = Data(device.id.bytes)
                $0.sealedName = Data(repeating: mark, count: Link.sealedNameBytes)
            }
        }
    }

    /// New recovery words for `staying` and themselves.
    func replacement(
        of old: TestDevice, by new: TestDevice, staying: [TestDevice], signer: TestDevice, second: TestDevice
    ) throws -> Link {
        try next(by: signer) { body in
            body.replaceWords = .with {
                $0.paper = new.record
                $0.counterSignature = Data(
                    new.sign(SignedText.join(circle: chain.circle, device: new.id, previous: chain.head)))
                $0.epochKeys = Self.keys(chain.epoch + 1, for: staying + [new])
                $0.secondSigner = Data(second.id.bytes)
                $0.secondSignature = Data(
                    second.sign(SignedText.revoke(previous: chain.head, devices: [old.id])))
            }
        }
    }

    /// Adds `device` and starts the epoch that it has a key of.
    mutating func add(_ device: TestDevice, having devices: [TestDevice]) throws {
        try take(addition(of: device, by: first))
        try take(epoch(for: devices + [device], by: first))
    }
}

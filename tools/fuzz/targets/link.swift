// Attune
// SPDX-License-Identifier: Apache-2.0
// With: Tests/AttuneWireTests/TestCircle.swift Tests/AttuneWireTests/TestDevice.swift

import AttuneCore
import AttuneWire
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
    let before = circle.chain
    // The signer is one of three, and what it signs stands at the place where it belongs.
    let signer = signers[Int(body.version % 3)]
    body.version = Link.version(of: body.payload)
    body.suite = Link.suite
    body.seq = before.seq + 1
    body.previous = Data(before.head.bytes)
    body.signer = Data(signer.id.bytes)
    body.epoch = before.epoch
    check {
        var chain = before
        try chain.append(Link(parsing: TestCircle.seal(body, by: signer)))
        precondition(chain.active.count <= WireLimits.activeDevices && !chain.active.isEmpty)
        precondition(chain.seq == before.seq + 1)
        precondition(chain.devices.values.filter { $0.isActive && $0.isPaper }.count <= 1)
        if case .replaceWords = body.payload {
            precondition(chain.paper?.id != before.paper?.id && chain.active.map(\.id) == before.active.map(\.id))
        }
        if chain.epoch > before.epoch {
            precondition(Set(chain.envelopes.keys) == Set(chain.recipients.map(\.id)))
        }
        for (id, device) in before.devices where !device.isActive { precondition(chain.devices[id] == device) }
    }
    return 0
}

/// A circle of two devices and the recovery words.
private let circle: TestCircle = {
    do {
        var circle = try TestCircle()
        try circle.add(second, having: [circle.first, circle.paper])
        return circle
    } catch {
        preconditionFailure("\(error)")
    }
}()
private let second = TestDevice(2)
private let signers = [circle.first, second, circle.paper]

private func check(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

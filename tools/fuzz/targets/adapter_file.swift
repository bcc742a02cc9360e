// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import Foundation

@testable import AttuneKit

/// What lies inside a sealed file of an adapter: by passphrase, signed for devices, and the manifest alone; tensors also as they are looked at
/// when they arrive.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    attempt {
        let file = try PortableAdapter(encoded: bytes, from: "x")
        precondition(file.adapter.layout.entries.count == file.manifest.tensors.count)
    }
    attempt {
        let file = try SignedAdapter(encoded: Array(bytes), from: "x")
        precondition((1...256).contains(file.name.utf8.count))
        precondition(file.parents.count <= 64 && file.ancestors.count <= SignedAdapter.ancestorLimit)
        precondition(file.manifest.utf8.count + file.links.count + file.bytes.count < count)
        if !file.links.isEmpty { _ = try PersonCard.links(file.links) }
        read(manifest: Data(file.manifest.utf8), file.bytes)
    }
    read(manifest: Data(bytes), [])
    return 0
}

private func read(manifest: Data, _ tensors: [UInt8]) {
    guard let manifest = try? JSONDecoder().decode(AdapterManifest.self, from: manifest) else { return }
    attempt {
        let layout = try manifest.layout()
        precondition(layout.count > 0 && layout.entries.count == manifest.tensors.count)
        let whole = tensors.withUnsafeBytes { bytes in Result { try Adapter(encoded: bytes, manifest: manifest) } }
        // In pieces it is found to be what it is as a whole, but for ranks that are only for reading one's own.
        let inspected = Result { try inspect(tensors, manifest) }
        if (try? layout.checkRanks()) != nil {
            precondition((try? whole.get()) != nil == ((try? inspected.get()) != nil), "one of two readers takes it")
        }
        _ = try whole.get()
        _ = try inspected.get()
    }
}

private func inspect(_ bytes: [UInt8], _ manifest: AdapterManifest) throws {
    var inspector = try AdapterInspector(manifest: manifest, size: bytes.count)
    let step = 1 + bytes.count % 13
    for start in stride(from: 0, to: bytes.count, by: step) {
        try bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { try inspector.take($0) }
    }
    _ = try inspector.norms()
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

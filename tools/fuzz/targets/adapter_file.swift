// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import Foundation

@testable import AttuneKit

/// What lies inside a sealed file of an adapter: by passphrase, signed for devices, and the manifest alone.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    attempt {
        let file = try PortableAdapter(encoded: bytes, from: "x")
        precondition(file.adapter.layout.entries.count == file.manifest.tensors.count)
    }
    attempt {
        let file = try SignedAdapter(encoded: Array(bytes), from: "x")
        precondition(file.adapterID.count == 16 && (1...256).contains(file.name.utf8.count))
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
        _ = try tensors.withUnsafeBytes { try Adapter(encoded: $0, manifest: manifest) }
    }
}

private func attempt(_ body: () throws -> Void) {
    do {
        try body()
    } catch {
        precondition(error is any AttuneError, "not an error of Attune: \(error)")
    }
}

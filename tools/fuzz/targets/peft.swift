// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

@testable import AttuneAdapter

/// The `adapter_config.json` of a PEFT folder: JSON, its fields, and the expressions in them against the names of a base.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do throws(AdapterError) {
        let json = try JSONReader.read(bytes)
        let compact = JSONWriter.compact(json)
        let again = try JSONReader.read(compact)
        precondition(JSONWriter.compact(again) == compact, "written JSON is read otherwise")
        let sites = try PEFTConfiguration(json).sites(shape: shape, root: "model.")
        _ = try LoRALayout.checked(shape: shape, sites: sites)
    } catch {
        precondition(!error.code.isEmpty && error.remedy != nil)
    }
    return 0
}

private let shape = BaseShape(
    architecture: "llama", layers: 2, width: 8, feedForward: 16, heads: 2, keyValueHeads: 1, headDimension: 4,
    vocabulary: 32, rotatesAdjacentPairs: true)

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneModel
import AttuneTensor

/// Keeps nothing alive: the fuzzer owns the bytes for the whole call.
private final class Owner: Sendable {}
private let owner = Owner()

/// A model file: header, hyper-parameters, tokenizer, tensors.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: count)
    do {
        let file = try GGUFFile(bytes: bytes, owner: owner)
        for tensor in file.tensors { precondition(file.weight(tensor.name)?.bytes.count == tensor.byteCount) }
        let model = try BaseModel(file: file)
        precondition(model.parameterCount > 0 && model.tokenEmbedding.rows == model.configuration.vocabulary)
    } catch let error as any AttuneError {
        precondition(!error.code.isEmpty && error.remedy != nil)
    } catch {
        preconditionFailure("not an error of Attune: \(error)")
    }
    return 0
}

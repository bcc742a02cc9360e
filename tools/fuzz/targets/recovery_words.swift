// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto

/// Recovery words as somebody types them: what is taken gives the same words back.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeRawBufferPointer(start: data, count: count), as: UTF8.self)
    do {
        let words = try RecoveryWords(words: text).words
        let again = try RecoveryWords(words: words.joined(separator: " ")).words
        precondition(again == words)
    } catch let error as any AttuneError {
        precondition(!error.code.isEmpty && error.remedy != nil)
    } catch {
        preconditionFailure("not an error of Attune: \(error)")
    }
    return 0
}

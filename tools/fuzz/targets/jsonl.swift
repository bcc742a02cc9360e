// Attune
// SPDX-License-Identifier: Apache-2.0

@testable import AttuneTraining

/// Training data: each line as the loader reads it, and the whole as a text file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: data, count: count)
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        read(UnsafeBufferPointer(rebasing: line))
    }
    if let invalid = DatasetText.firstInvalid(bytes) {
        precondition(String(validating: bytes[..<invalid], as: UTF8.self) != nil)
        precondition(String(validating: bytes, as: UTF8.self) == nil)
    } else {
        precondition(!DatasetText.normalized(bytes).utf8.contains(UInt8(ascii: "\r")))
    }
    return 0
}

private func read(_ line: UnsafeBufferPointer<UInt8>) {
    guard DatasetText.firstInvalid(line) == nil else { return }
    do throws(JSONLFailure) {
        var scanner = JSONLScanner(line)
        _ = try JSONLRow(try scanner.line())
    } catch {
        precondition((0...line.count).contains(error.offset) && !error.message.isEmpty)
        precondition(DatasetText.column(line, of: error.offset) >= 1)
    }
}

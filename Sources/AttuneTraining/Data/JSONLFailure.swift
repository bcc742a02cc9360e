// Attune
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with one line, before it is known which file it stands in.
struct JSONLFailure: Error, Equatable {
    let code: DataIssueCode
    /// Offset in bytes from the start of the line.
    let offset: Int
    /// Safe to print, without a final full stop.
    let message: String
    let suggestion: String?

    init(_ code: DataIssueCode, at offset: Int, _ message: String, suggestion: String? = nil) {
        self.code = code
        self.offset = offset
        self.message = message
        self.suggestion = suggestion
    }
}

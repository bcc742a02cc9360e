// Attune
// SPDX-License-Identifier: Apache-2.0

/// Does something once nobody holds it any more, such as an answer that was written, or never will be because its reader
/// is gone.
final class AtEnd: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    deinit { body() }
}

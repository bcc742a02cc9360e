// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter

/// One value for each linear layer of a block, nil where the layer is not adapted.
struct SiteBuffers<Buffer: Sendable>: Sendable {
    private(set) var query: Buffer?
    private(set) var key: Buffer?
    private(set) var value: Buffer?
    private(set) var output: Buffer?
    private(set) var gate: Buffer?
    private(set) var up: Buffer?
    private(set) var down: Buffer?

    /// Asks `make` for the value of each module, in the order of `TargetModule`.
    init(_ make: (TargetModule) -> Buffer?) {
        query = make(.query)
        key = make(.key)
        value = make(.value)
        output = make(.output)
        gate = make(.gate)
        up = make(.up)
        down = make(.down)
    }

    subscript(module: TargetModule) -> Buffer? {
        switch module {
        case .query: query
        case .key: key
        case .value: value
        case .output: output
        case .gate: gate
        case .up: up
        case .down: down
        }
    }

    func map<Other>(_ transform: (Buffer) -> Other) -> SiteBuffers<Other> {
        SiteBuffers<Other> { module in self[module].map(transform) }
    }
}

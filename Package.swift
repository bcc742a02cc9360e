// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: language mode 6, explicit existentials and imports, warnings as errors.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// The kernels are compiled optimised in debug builds too: at -O0 they are sixty times slower.
let kernelSettings: [CSetting] = [.headerSearchPath("."), .unsafeFlags(["-O2"], .when(configuration: .debug))]

let package = Package(
    name: "attune",
    products: [
        .executable(name: "attune", targets: ["attune"]),
        .executable(name: "attune-relay", targets: ["attune-relay"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // Rank 0: C.
        .target(name: "CAttuneKernels", cSettings: kernelSettings),
        .target(name: "CMappedFile"),
        .target(
            name: "CSealedVFS",
            dependencies: ["CSodium"],
            linkerSettings: [.linkedLibrary("sqlite3")]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Rank 1.
        .target(name: "AttuneCore", dependencies: ["CMappedFile"], swiftSettings: strict),

        // Rank 2.
        .target(
            name: "AttuneTensor", dependencies: ["AttuneCore", "CAttuneKernels", "COpenBLAS"], swiftSettings: strict),
        .target(name: "AttuneTokenizer", dependencies: ["AttuneCore"], swiftSettings: strict),
        .target(
            name: "AttuneCrypto",
            dependencies: ["AttuneCore", "CSodium", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .target(
            name: "AttuneWire",
            dependencies: ["AttuneCore", "CSodium", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            swiftSettings: strict),

        // Rank 3.
        .target(name: "AttuneAdapter", dependencies: ["AttuneTensor", "AttuneCore"], swiftSettings: strict),
        .target(
            name: "AttuneVault",
            dependencies: [
                "AttuneCrypto", "AttuneCore", "CSealedVFS", "CZlib", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),

        // Rank 4.
        .target(
            name: "AttuneModel",
            dependencies: ["AttuneAdapter", "AttuneTokenizer", "AttuneTensor", "AttuneCore"],
            swiftSettings: strict),

        // Rank 5.
        .target(
            name: "AttuneTraining",
            dependencies: ["AttuneModel", "AttuneAdapter", "AttuneTokenizer", "AttuneTensor", "AttuneCore"],
            swiftSettings: strict),

        .target(
            name: "AttuneSync",
            dependencies: [
                "AttuneVault", "AttuneWire", "AttuneCrypto", "AttuneCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),

        .target(
            name: "AttuneRelay",
            dependencies: [
                "AttuneWire", "AttuneCore", "CPostgres", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),

        // Rank 6.
        .target(
            name: "AttuneKit",
            dependencies: [
                "AttuneTraining", "AttuneModel", "AttuneSync", "AttuneVault", "AttuneAdapter", "AttuneCrypto",
                "AttuneTokenizer", "AttuneTensor", "AttuneWire", "AttuneCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),

        // Rank 7.
        .target(
            name: "AttuneService",
            dependencies: [
                "AttuneKit", "AttuneRelay", "AttuneSync", "AttuneVault", "AttuneCrypto", "AttuneWire", "AttuneCore",
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),

        // Rank 8.
        .executableTarget(
            name: "attune",
            dependencies: [
                "AttuneService", "AttuneKit", "AttuneCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["attune-sync.service"], swiftSettings: strict),

        .executableTarget(
            name: "attune-relay",
            dependencies: [
                "AttuneRelay", "AttuneCore", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            exclude: ["Caddyfile", "attune-relay.service", "nginx.conf"], swiftSettings: strict),

        // Side: benchmarks against peers.
        .executableTarget(
            name: "attune-bench",
            dependencies: [
                "AttuneKit", "AttuneSync", "AttuneModel", "AttuneVault", "AttuneCrypto", "AttuneWire", "AttuneTensor",
                "AttuneCore", "AttuneTestSupport", "CSealedVFS",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),

        // Tests.
        .target(
            name: "AttuneTestSupport",
            dependencies: [
                "AttuneTensor", "AttuneWire", "AttuneCore", "CSodium",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: "Tests/AttuneTestSupport",
            swiftSettings: strict),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(
            name: "AttuneCoreTests", dependencies: ["AttuneCore", "AttuneTestSupport"], swiftSettings: strict),
        .testTarget(
            name: "AttuneTensorTests",
            dependencies: ["AttuneTensor", "AttuneCore", "CAttuneKernels", "AttuneTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneTokenizerTests",
            dependencies: ["AttuneTokenizer", "AttuneCore", "AttuneTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneCryptoTests",
            dependencies: [
                "AttuneCrypto", "AttuneCore", "CSodium", "AttuneTestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneWireTests",
            dependencies: [
                "AttuneWire", "AttuneCore", "CSodium", "AttuneTestSupport",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneAdapterTests",
            dependencies: ["AttuneAdapter", "AttuneTensor", "AttuneCore", "AttuneTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneRelayTests",
            dependencies: [
                "AttuneRelay", "AttuneWire", "AttuneCore", "AttuneTestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneVaultTests",
            dependencies: [
                "AttuneVault", "AttuneCrypto", "AttuneCore", "CSealedVFS", "AttuneTestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneModelTests",
            dependencies: [
                "AttuneModel", "AttuneAdapter", "AttuneTokenizer", "AttuneTensor", "AttuneCore", "AttuneTestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneTrainingTests",
            dependencies: [
                "AttuneTraining", "AttuneModel", "AttuneAdapter", "AttuneTokenizer", "AttuneTensor", "AttuneCore",
                "AttuneTestSupport", "CAllocationCounter",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneSyncTests",
            dependencies: [
                "AttuneSync", "AttuneVault", "AttuneWire", "AttuneCrypto", "AttuneCore", "CSodium", "AttuneTestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AttuneKitTests",
            dependencies: [
                "AttuneService", "AttuneRelay", "AttuneKit", "AttuneSync", "AttuneWire", "AttuneTraining",
                "AttuneModel", "AttuneVault", "AttuneAdapter", "AttuneCrypto", "AttuneTokenizer", "AttuneTensor",
                "AttuneCore", "AttuneTestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "attuneTests",
            dependencies: [
                "AttuneKit", "AttuneTraining", "AttuneModel", "AttuneSync", "AttuneVault", "AttuneAdapter",
                "AttuneWire",
                "AttuneCrypto", "AttuneTokenizer", "AttuneTensor", "AttuneCore", "AttuneTestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

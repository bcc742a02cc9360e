// Attune
// SPDX-License-Identifier: Apache-2.0

/// The caps of the sync protocol, checked before anything is parsed or allocated.
package enum WireLimits {
    /// Bytes of a serialised `SignedLink`.
    package static let linkBytes = 128 << 10
    /// Links of a circle: `sharedLinks`, and 131 times `linksOfShare`, more than shares and revocations can come to.
    package static let links: UInt64 = 20_736
    /// The first links of a circle, whose places any device takes.
    package static let sharedLinks: UInt64 = 3968
    /// Links that are appended to a chain at once.
    package static let linksPerPush = 16
    /// Links of a branch that a device brings to a relay at once.
    package static let linksPerBranch = 128
    /// Places after those for each device that was in the circle there, which nobody else can take.
    package static let linksOfShare: UInt64 = 128
    /// The newest names of a device that are remembered.
    package static let formerNames = 8
    /// Active devices of a circle, the paper device not counted.
    package static let activeDevices = 64
    /// Envelopes of an epoch: one for each active device and one for the paper device.
    package static let envelopes = activeDevices + 1
    /// Bytes of a serialised `SignedEntry`; a whole push has 1 MiB.
    package static let entryBytes = (1 << 20) - 1024
    /// Bytes of an entry's serialised header.
    package static let headerBytes = 700 << 10
    /// Bytes of an entry's sealed payload, with nonce and tag.
    package static let sealedBytes = 256 << 10
    /// Bytes of a serialised `EntryPayload` before it is padded and sealed.
    package static let payloadBytes = 240 << 10
    /// Least count of bytes that a payload is padded to, so that small changes look alike.
    package static let leastPayload = 256
    /// Devices in an entry's frontier.
    package static let frontier = 1024
    /// Entries that one entry follows.
    package static let parents = 8
    /// Chunks of one entry.
    package static let chunks = 16_384
    /// Entries that one release entry names.
    package static let released = 1024
    /// Bytes of a blob before and after encoding, and how many times smaller encoding may have made it.
    package static let blobBytes: UInt64 = 16 << 30
    package static let blobRatio: UInt64 = 64
    /// Highest sequence number and lamport clock, far below where adding could overflow.
    package static let counter: UInt64 = 1 << 62
    /// Most that a lamport clock may be ahead of the largest one seen.
    package static let lamportJump: UInt64 = 1 << 20
    /// Entries of one push, and of one page of a pull.
    package static let entriesPerPush = 256
    package static let entriesPerPage = 512
    /// Bytes of a push's body.
    package static let pushBytes = 1 << 20
    /// Chunk ids of one query.
    package static let chunkIDsPerQuery = 1024
    /// Bytes of a chunk at the most; the count of bytes of the last one of a blob is a smaller multiple of `chunkStep`.
    package static let chunkBytes = 1 << 20
    package static let chunkStep = 4096

    /// Whether a chunk can have this count of bytes.
    package static func isChunk(_ count: Int) -> Bool {
        (chunkStep...chunkBytes).contains(count) && count % chunkStep == 0
    }

    /// Bytes of one pairing message, and how many each side may write.
    package static let pairingBytes = 16 << 10
    package static let pairingMessages = 8
    /// Bytes of a device's name.
    static let deviceNameBytes = 64
    /// Seconds that the clock of a signed request may be off.
    package static let clockSkew: UInt64 = 300
    /// Levels of nested messages.
    static let depth = 8
}

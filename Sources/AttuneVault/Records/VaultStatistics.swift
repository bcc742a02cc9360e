// Attune
// SPDX-License-Identifier: Apache-2.0

/// Sizes and counts of a store.
package struct VaultStatistics: Sendable, Equatable {
    package var adapters = 0
    package var versions = 0
    package var documents = 0
    /// UTF-8 bytes of all documents.
    package var documentBytes = 0
    package var runs = 0
    package var chats = 0
    package var messages = 0
    /// Entries of the trash.
    package var trashed = 0
    /// Chunk files that versions and checkpoints need and that are here.
    package var chunks = 0
    /// Bytes of those files.
    package var chunkBytes = 0
    /// Bytes of the database file.
    package var databaseBytes = 0
    /// Bytes of the database's write-ahead log.
    package var logBytes = 0
    /// Bytes free for this user on the disk that holds the store.
    package var freeBytes = 0
}

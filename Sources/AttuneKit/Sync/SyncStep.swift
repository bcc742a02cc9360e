// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneSync

/// How far a sync has come, for a person who waits.
package struct SyncStep: Sendable {
    /// What went each way so far, such as `chunk 3/7, sent 12 MiB, received 0 B, 1.5 MiB/s`.
    package let text: String
    /// Whether chunks are under way.
    package let isTransfer: Bool
    /// Seconds that the rest of the transfer will take at this rate; nil if nobody knows.
    package let secondsLeft: Int?
    /// Seconds until the next try, while the remote is waited for.
    package let waiting: Int?

    init(_ progress: SyncProgress) {
        var text =
            "sent \(Quantity.text(bytes: progress.bytesSent)), received \(Quantity.text(bytes: progress.bytesReceived))"
        isTransfer = progress.chunksTotal > 0
        if isTransfer { text = "chunk \(progress.chunksDone)/\(progress.chunksTotal), " + text }
        if progress.rate > 0 { text += ", \(Quantity.text(bytes: progress.rate))/s" }
        self.text = text
        secondsLeft = progress.secondsLeft
        waiting = progress.waiting
    }
}

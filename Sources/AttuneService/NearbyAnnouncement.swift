// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneSync
import AttuneVault

/// Lets the circle's other devices find this one by mDNS while it serves.
package enum NearbyAnnouncement {
    /// Time between two looks whether the announcement is still right, and between two tries.
    private static let pause = Duration.seconds(60)

    /// Whether a server at this address can be reached from the network.
    package static func makesSense(for host: String) -> Bool {
        !host.hasPrefix("127.") && !["::1", "localhost"].contains(host.lowercased())
    }

    /// Announces the server at `port` until the task is cancelled, anew each hour and when the circle changes.
    ///
    /// - Parameter failure: told once why there is no announcement; it is tried again.
    package static func run(
        _ workspace: Workspace, port: Int, failure: @escaping @Sendable (any AttuneError) -> Void
    ) async {
        let name = Hex.encode(SecretBytes(random: 8).withUnsafeBytes { Array($0) })
        var isTold = false
        while !Task.isCancelled {
            do {
                let keys = try await BlockingWork.run { try CircleKeys(workspace.vault) }
                let (mark, validity) = try await BlockingWork.run { try workspace.nearbyMark(keys) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await Avahi.announce(name: name, port: port, mark: mark) }
                    group.addTask {
                        repeat {
                            try await Task.sleep(for: pause)
                        } while try await BlockingWork.run { try workspace.nearbyMark(keys).validity == validity }
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            } catch let error as any AttuneError {
                if !isTold { failure(error) }
                isTold = true
                try? await Task.sleep(for: pause)
            } catch {
                return
            }
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// Lets other devices reach this one on the local network; it stands above the use cases and is given to them.
package protocol CircleService: Sendable {
    /// Serves the circle's devices until the task is cancelled, and lets them find this one where they can.
    ///
    /// - Parameters:
    ///   - host: an address of this machine.
    ///   - port: 0 takes a free one.
    ///   - started: told of the port.
    ///   - unannounced: told once why the others do not find this device by themselves.
    /// - Throws: `CircleError` E-DEVICE-001, `SyncError` E-SYNC-074; what `started` throws.
    func serve(
        _ workspace: Workspace, host: String, port: Int, started: @escaping @Sendable (Int) throws -> Void,
        unannounced: @escaping @Sendable (any AttuneError) -> Void
    ) async throws

    /// Opens a place where a device meets this one that is not in its circle yet.
    ///
    /// - Throws: as `serve`.
    func meet(_ workspace: Workspace, host: String, port: Int) async throws -> any MeetingPlace
}

/// A place on the local network where two devices pair.
package protocol MeetingPlace: Sendable {
    /// Where this device listens.
    var port: Int { get }
    var meeting: PairingMeeting { get }
    /// Stops listening.
    ///
    /// - Parameter waiting: whether the other device still has to read that the code is spent.
    func close(waiting: Bool) async
}

extension Workspace {
    /// Lets another device into the circle that connects to this one.
    ///
    /// - Parameters:
    ///   - host: an address of this machine.
    ///   - port: 0 takes a free one.
    ///   - dialogue: what is shown and asked, for the port on which this device listens.
    /// - Throws: `PairingError`, `KitError`, `SyncError` E-SYNC-074.
    package func addDevice(
        at host: String, port: Int, through service: any CircleService, ownName: String,
        dialogue: (Int) -> PairingDialogue
    ) async throws -> DeviceListing {
        // The identity that the service shows is made here, where it is not there yet.
        try await prepareCircle(ownName: ownName)
        let place = try await service.meet(self, host: host, port: port)
        do {
            let added = try await addDevice(at: place.meeting, ownName: ownName, dialogue: dialogue(place.port))
            await place.close(waiting: false)
            return added
        } catch {
            await place.close(waiting: true)
            throw error
        }
    }
}

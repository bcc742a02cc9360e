// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import NIOCore
import Synchronization

/// Who may be connected at the same time.
///
/// Strangers, who have shown no signature that holds, have places of their own: they cannot take those of devices. They
/// never keep each other out either: the network that has most places gives its oldest one to whoever comes. Through a
/// trusted proxy a request takes a place as long as it lasts, by the address that the proxy names.
final class ConnectionPlaces: Sendable {
    /// A place; taken until `leave` or until nobody holds it any more.
    final class Place: Sendable {
        private let places: ConnectionPlaces
        fileprivate let number: Int
        private let device = Mutex<DeviceID?>(nil)
        private let closed = Mutex(false)

        fileprivate init(_ places: ConnectionPlaces, _ number: Int) {
            self.places = places
            self.number = number
        }

        deinit { places.leave(number) }

        /// Whether a request of it had a signature that held.
        var isProven: Bool { device.withLock { $0 != nil } }

        /// Counts the place for a device from now on.
        ///
        /// - Throws: `RelayError.tooMany` if the device has as many as it may.
        func prove(_ device: DeviceID) throws {
            guard self.device.withLock({ $0 != device }) else { return }
            try places.prove(number, device)
            self.device.withLock { $0 = device }
        }

        /// Whether the peer has closed its side of the connection.
        var hasPeerClosed: Bool { closed.withLock { $0 } }

        func peerCloses() { closed.withLock { $0 = true } }

        func leave() { places.leave(number) }
    }

    private struct Holder {
        let address: ClientAddress
        var kind: Kind
        let close: @Sendable () -> Void
    }
    private enum Kind: Equatable {
        /// Its holding among the shares of strangers.
        case stranger(Int)
        case device(DeviceID)
        case proxy
    }
    private struct State {
        var strangers: FairShares
        /// Of the shares of strangers, whose they are.
        var strangerHolders: [Int: Int] = [:]
        var holders: [Int: Holder] = [:]
        var devices: [DeviceID: Int] = [:]
        /// Places of devices, by address.
        var addresses: [String: Int] = [:]
        var next = 0
    }
    private let state: Mutex<State>
    private let channels = Mutex<[ObjectIdentifier: Place]>([:])
    private let limits: RelayLimits
    let arrivals: Arrivals

    init(_ limits: RelayLimits) {
        self.limits = limits
        arrivals = Arrivals(limits)
        state = Mutex(State(strangers: FairShares(min(limits.strangerConnections, limits.connections))))
    }

    /// Places taken, and those of them that are strangers'.
    var count: (all: Int, strangers: Int) { state.withLock { ($0.holders.count, $0.strangers.count) } }

    /// The address of a connection that arrives; nil if it is one of those that are trusted.
    func stranger(_ channel: any Channel, trusted: Set<String>) -> ClientAddress? {
        let peer = Self.peer(of: channel)
        return trusted.contains(peer) ? nil : ClientAddress(peer)
    }

    private static func peer(of channel: any Channel) -> String { channel.remoteAddress?.ipAddress ?? "local" }

    /// Lets a connection in; false if there is no place for it.
    func enter(_ channel: any Channel, trusted: Set<String>) -> Bool {
        let peer = Self.peer(of: channel)
        let close: @Sendable () -> Void = { [weak channel] in channel?.close(promise: nil) }
        let address = ClientAddress(peer)
        let place = trusted.contains(peer) ? enterProxy(address, close: close) : enter(address, close: close)
        guard let place else { return false }
        let key = ObjectIdentifier(channel)
        channels.withLock { $0[key] = place }
        channel.closeFuture.whenComplete { [weak self] _ in
            place.leave()
            self?.channels.withLock { $0[key] = nil }
        }
        return true
    }

    /// The place of a connection that was let in.
    func place(of channel: any Channel) -> Place? { channels.withLock { $0[ObjectIdentifier(channel)] } }

    /// Takes a place for a stranger; nil if all that its address may have are those of devices.
    ///
    /// - Parameter close: ends the connection; called at most once, if another one needs the place more.
    func enter(_ address: ClientAddress, close: @escaping @Sendable () -> Void) -> Place? {
        let payer = Payer(address)
        var closed: [@Sendable () -> Void] = []
        let number = state.withLock { state -> Int? in
            let strangers = state.strangers.count(of: payer)
            if strangers >= limits.strangerConnectionsPerAddress
                || strangers + state.addresses[address.bucket, default: 0] >= limits.connectionsPerAddress
            {
                guard let oldest = state.strangers.oldest(of: payer) else { return nil }
                closed += drop(oldest, &state)
            }
            if state.strangers.used >= state.strangers.capacity || state.holders.count >= limits.connections {
                guard let giver = state.strangers.giverOrOwn(for: payer, weight: 1) else { return nil }
                closed += drop(giver, &state)
            }
            state.next += 1
            let share = state.strangers.add(1, for: payer)
            state.strangerHolders[share] = state.next
            state.holders[state.next] = Holder(address: address, kind: .stranger(share), close: close)
            return state.next
        }
        for close in closed { close() }
        return number.map { Place(self, $0) }
    }

    private func enterProxy(_ address: ClientAddress, close: @escaping @Sendable () -> Void) -> Place? {
        state.withLock { state -> Int? in
            guard state.holders.count < limits.connections else { return nil }
            state.next += 1
            state.holders[state.next] = Holder(address: address, kind: .proxy, close: close)
            return state.next
        }.map { Place(self, $0) }
    }

    private func drop(_ share: Int, _ state: inout State) -> [@Sendable () -> Void] {
        guard let number = state.strangerHolders[share], let close = state.holders[number]?.close else { return [] }
        remove(number, &state)
        return [close]
    }

    private func prove(_ number: Int, _ device: DeviceID) throws {
        try state.withLock { state in
            guard let holder = state.holders[number], holder.kind != .proxy else { return }
            guard state.devices[device, default: 0] < limits.connectionsPerDevice else {
                throw RelayError.tooMany("connections of this device", retryAfter: 1)
            }
            // Where devices have all of theirs, a stranger's place does as well, as long as nobody needs it more.
            let proven = state.holders.count - state.strangers.count
            if case .stranger = holder.kind, proven >= limits.connections - state.strangers.capacity { return }
            remove(number, &state)
            state.devices[device, default: 0] += 1
            state.addresses[holder.address.bucket, default: 0] += 1
            state.holders[number] = Holder(address: holder.address, kind: .device(device), close: holder.close)
        }
    }

    private func leave(_ number: Int) { state.withLock { remove(number, &$0) } }

    private func remove(_ number: Int, _ state: inout State) {
        guard let holder = state.holders.removeValue(forKey: number) else { return }
        switch holder.kind {
        case .stranger(let share):
            state.strangers.remove(share)
            state.strangerHolders[share] = nil
        case .device(let device):
            state.devices.countDown(device)
            state.addresses.countDown(holder.address.bucket)
        case .proxy: break
        }
    }
}

extension Dictionary where Value == Int {
    /// Counts one of a key less; a key of which none is left goes.
    mutating func countDown(_ key: Key) {
        let left = self[key, default: 1] - 1
        self[key] = left > 0 ? left : nil
    }
}

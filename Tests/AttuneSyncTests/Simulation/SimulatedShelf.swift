// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneVault
import AttuneWire

/// What the entries that a simulated device has taken say of adapters: who claims which version, and what each is called.
/// What counts of it is decided by the store's own rules.
struct SimulatedShelf: Sendable, Equatable {
    /// A fault of a store, for the simulation to find.
    enum Fault: Sendable {
        /// Whoever says the id of a version first is believed.
        case firstClaimWins
        /// Names outlive the entries that gave them.
        case namesStay
        /// So do claims, and chunks that only they name are asked for on.
        case claimsStay
    }

    struct Claim: Sendable, Hashable {
        let place: Precedence
        let chunks: [ChunkID]
    }

    struct Word: Sendable, Hashable {
        let place: Precedence
        let name: String
    }

    private(set) var claims: [VersionID: Set<Claim>] = [:]
    private var given: [AdapterID: Set<Word>] = [:]
    private var cameWith: [AdapterID: Set<Word>] = [:]
    /// How many entries of each log it has.
    private(set) var taken: [DeviceID: Int] = [:]
    var fault: Fault?

    var adapters: [AdapterID] { cameWith.keys.sorted() }

    /// Takes the entries of a log that it does not have.
    mutating func take(_ log: [Entry], of device: DeviceID, _ open: (Entry) -> [UInt8]?) {
        for entry in log.dropFirst(taken[device] ?? 0) {
            guard let bytes = open(entry) else { continue }
            let place = Precedence(lamport: entry.lamport, device: entry.device, entry: entry.hash)
            switch SimulatedPayload(parsing: bytes).content {
            case .note: break
            case .version(let adapter, let id, let name):
                cameWith[adapter, default: []].insert(Word(place: place, name: name))
                if fault == .firstClaimWins, claims[id] != nil { break }
                claims[id, default: []].insert(Claim(place: place, chunks: entry.chunks))
            case .name(let adapter, let name): given[adapter, default: []].insert(Word(place: place, name: name))
            }
        }
        taken[device] = max(taken[device] ?? 0, log.count)
    }

    /// Forgets what entries said that do not count any more.
    mutating func drop(_ entries: Set<EntryHash>, of device: DeviceID, keeping count: Int) {
        guard let had = taken[device], had > count else { return }
        taken[device] = count
        func drop<Key, Value>(_ all: inout [Key: Set<Value>], _ place: (Value) -> Precedence) {
            all = all.mapValues { $0.filter { !entries.contains(place($0).entry) } }.filter { !$0.value.isEmpty }
        }
        if fault != .namesStay {
            drop(&given, \.place)
            drop(&cameWith, \.place)
        }
        if fault != .claimsStay { drop(&claims, \.place) }
    }

    /// What each adapter is called.
    var names: [AdapterID: String] {
        Dictionary(
            uniqueKeysWithValues: cameWith.compactMap { adapter, came in
                Precedence.name(given: Array(given[adapter] ?? []), cameWith: Array(came), by: \.place)
                    .map { (adapter, $0.name) }
            })
    }

    /// Whether the bytes of a version are here and are what its id says.
    func isProven(_ version: VersionID, with chunks: Set<ChunkID>) -> Bool {
        (claims[version] ?? []).contains {
            chunks.isSuperset(of: $0.chunks) && SimulatedPayload.version(of: $0.chunks) == version
        }
    }

    /// Chunks that are not here of versions that are wanted, until one claim of each is proven: devices in turns.
    func wanted(_ versions: Set<VersionID>?, besides chunks: Set<ChunkID>) -> [ChunkID] {
        var turns = Turns<DeviceID, Claim>()
        let all = claims.filter { versions?.contains($0.key) ?? true && !isProven($0.key, with: chunks) }.values
        let claims = all.flatMap { Precedence.standing(Array($0), by: \.place) }
        for claim in claims.sorted(by: { $0.place < $1.place }) {
            turns.add(claim, of: claim.place.device, cost: claim.chunks.count)
        }
        var result: [ChunkID] = []
        var seen = chunks
        while let claim = turns.next() { result += claim.chunks.filter { seen.insert($0).inserted } }
        return result
    }

    /// What is to be seen of it, without how it came to that.
    func isSame(as other: SimulatedShelf) -> Bool { claims == other.claims && names == other.names }
}

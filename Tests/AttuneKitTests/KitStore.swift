// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneTensor
import AttuneTestSupport
import AttuneTraining
import AttuneVault
import Foundation

/// A workspace with one tiny base, in this process.
struct KitStore {
    let folder: TemporaryDirectory
    let workspace: Workspace

    /// - Parameter now: the clock of the store's records.
    init(now: @escaping Vault.Clock = { Date() }) throws {
        folder = try TemporaryDirectory()
        let paths = Paths(store: folder.path + "/store", environment: ["HOME": folder.path])
        let file = try Self.model(seed: 1).write(to: folder)
        _ = try BaseLibrary(folder: paths.bases).add(path: file, name: "tiny")
        let vault = try Vault.create(
            at: paths.store.path, passphrase: Self.passphrase, recovery: .random(),
            cost: PassphraseCost(opslimit: 1, memlimit: 8192), now: now)
        workspace = Workspace(paths: paths, vault: vault)
    }

    static var passphrase: SecretBytes { SecretBytes(copying: Array("a phrase".utf8)) }

    static func model(seed: UInt64) -> SyntheticGGUF {
        SyntheticGGUF(
            layers: 2, width: 32, feedForward: 48, heads: 4, keyValueHeads: 2, vocabulary: 300, contextLength: 128,
            type: .f32, seed: seed)
    }

    /// Opens the store again, with another clock.
    func reopened(now: @escaping Vault.Clock) throws -> Workspace {
        try workspace.vault.close()
        return Workspace(
            paths: workspace.paths,
            vault: try Vault.open(at: workspace.paths.store.path, passphrase: Self.passphrase, mode: .writing, now: now)
        )
    }

    /// What trains in a moment: a few steps over a few rows.
    func request(_ name: String = "notes", seed: UInt64 = 1, epochs: Double = 1) throws -> TrainingRequest {
        let rows = (0..<12).map { #"{"prompt": "day \#($0)", "completion": "seen \#($0 * 3)"}"# }
        let path = try folder.write(rows.joined(separator: "\n"), to: "rows.jsonl")
        var request = TrainingRequest(adapters: [.init(name: name, paths: [path])])
        request.wishes.rank = 2
        request.wishes.alpha = 4
        request.wishes.maxLength = 64
        request.wishes.batch = 2
        request.wishes.epochs = epochs
        request.wishes.learningRate = 1e-2
        request.wishes.seed = seed
        request.wishes.precision = .float32
        request.wishes.evaluateEvery = 2
        request.wishes.patience = 0
        return request
    }

    /// Trains to the end.
    @discardableResult
    func train(_ name: String = "notes", seed: UInt64 = 1, epochs: Double = 1) throws -> VersionRecord {
        let session = try TrainingSession.prepare(try request(name, seed: seed, epochs: epochs), in: workspace)
        guard let version = try session.runAlone().version else { throw NoVersion() }
        return version
    }

    private struct NoVersion: Error {}
}

extension TrainingSession {
    /// Runs the only adapter there is.
    @discardableResult
    func runAlone(stop: StopFlag = StopFlag(), onEvent: @escaping (TrainingEvent) -> Void = { _ in }) throws -> Result {
        try run(stop: stop) { event, _ in onEvent(event) }[0]
    }
}

/// The code of the error that `body` throws; nil if it throws none of Attune's.
func code(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return (error as? any AttuneError)?.code ?? "\(error)"
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneWire
import Foundation
import Synchronization

/// Syncs a store with one remote: lets the engine decide, the store keep and the transport ask.
///
/// The store's calls run on a thread pool, never on the cooperative one. One run at a time.
package final class SyncSession: Sendable {
    private let store: any SyncStore
    let transport: any SyncTransport
    private let author: any EntryAuthor
    let options: SyncOptions
    private let applier: any EntryApplying
    private let runs = Mutex(Runs())

    private struct Runs {
        var count: UInt64 = 0
        var isRunning = false
    }

    /// - Parameters:
    ///   - store: yields its lock after each step, however long a transfer takes.
    ///   - author: seals and signs drafts.
    ///   - applier: what it says of entries is news of the run.
    package init(
        store: any SyncStore, transport: any SyncTransport, author: any EntryAuthor, applier: any EntryApplying,
        options: SyncOptions
    ) {
        self.store = store
        self.transport = transport
        self.author = author
        self.applier = applier
        self.options = options
    }

    /// Syncs once.
    ///
    /// - Parameter progress: told of every step, from any thread.
    /// - Returns: what was done; look at `problems`.
    /// - Throws: the store's errors, or `CancellationError`.
    package func run(progress: @escaping @Sendable (SyncProgress) -> Void = { _ in }) async throws -> SyncOutcome {
        let run = runs.withLock { runs -> UInt64 in
            precondition(!runs.isRunning, "a session runs once at a time")
            runs.isRunning = true
            runs.count += 1
            return runs.count
        }
        defer { runs.withLock { $0.isRunning = false } }
        // Each run starts from what the store has: others may have changed it meanwhile.
        let store = store
        let machine = try await start(run)
        let (events, inbox) = AsyncStream.makeStream(of: SyncEvent.self)
        let (started, before) = (ContinuousClock.now, transport.traffic)
        let meter = SyncMeter(start: before)
        var tasks: [Task<Void, Never>] = []
        defer { for task in tasks { task.cancel() } }
        inbox.yield(.start)
        for await event in events {
            let actions = try await BlockingWork.run {
                defer { store.yieldLock() }
                return try machine.withLock { try $0.handle(event) }
            }
            for action in actions {
                switch action {
                case .finished(var outcome):
                    outcome.bytesSent = transport.traffic.sent - before.sent
                    outcome.bytesReceived = transport.traffic.received - before.received
                    outcome.seconds = (ContinuousClock.now - started).seconds
                    return outcome
                case .cancelRequests:
                    for task in tasks { task.cancel() }
                    tasks = []
                case .adjustClock(let offset): transport.adjustClock(offset)
                case .wait(let milliseconds):
                    progress(meter.progress(traffic: transport.traffic, chunks: (0, 0), waiting: milliseconds))
                    tasks.append(
                        Task {
                            try? await Task.sleep(for: .milliseconds(milliseconds))
                            if !Task.isCancelled { inbox.yield(.tick) }
                        })
                case .send(let ticket, let request):
                    tasks.append(
                        Task {
                            let answer = await self.answer(request)
                            if !Task.isCancelled { inbox.yield(.answer(ticket, answer)) }
                        })
                }
            }
            if tasks.count > 64 { tasks.removeFirst(32) }
            progress(meter.progress(traffic: transport.traffic, chunks: machine.withLock { $0.chunks }, waiting: nil))
            try Task.checkCancellation()
        }
        throw CancellationError()
    }

    private func start(_ run: UInt64) async throws -> MachineBox {
        var options = options
        options.seed &+= run
        let (store, transport, author, applier) = (store, transport, author, applier)
        return try await BlockingWork.run { [options] in
            transport.adjustClock(try store.settings().clockOffset)
            return MachineBox(
                try SyncMachine(
                    store: store, remote: transport.remote, remoteName: transport.remoteName, author: author,
                    applier: applier, options: options))
        }
    }

    /// The machine of a run, handed from thread to thread.
    private final class MachineBox: Sendable {
        private let machine: Mutex<SyncMachine>

        init(_ machine: consuming sending SyncMachine) { self.machine = Mutex(machine) }

        func withLock<Value: Sendable>(_ body: (inout sending SyncMachine) throws -> sending Value) rethrows -> Value {
            try machine.withLock(body)
        }
    }

    private func answer(_ request: SyncRequest) async -> SyncAnswer {
        do {
            return try await ask(request)
        } catch let failure as RemoteFailure {
            return .failed(failure)
        } catch {
            return .failed(.unreachable("\(error)"))
        }
    }

    private func ask(_ request: SyncRequest) async throws -> SyncAnswer {
        switch request {
        case .frontier: return .frontier(try await transport.frontier())
        case .links(0): return .links(try await transport.allLinks())
        case .links(let seq): return .links(try await transport.links(after: seq).links)
        case .pushLinks(let links, let previous):
            try await transport.push(links: links, previous: previous)
            return .linksTaken
        case .pushBranch(let links, let parting):
            try await transport.push(branch: links, parting: parting)
            return .linksTaken
        case .entries(let device, let seq, let limit):
            let page = try await transport.entries(of: device, after: seq, limit: limit)
            return .entries(page.entries, more: page.more)
        case .pushEntries(let entries): return .pushed(try await transport.push(entries: entries))
        case .missingChunks(let ids, let ifNamed):
            return .missingChunks(try await transport.missingChunks(among: ids, ifNamed: ifNamed))
        case .upload(let id): return try await upload(id)
        case .download(let id): return try await download(id)
        }
    }

    private func upload(_ id: ChunkID) async throws -> SyncAnswer {
        let store = store
        let bytes = try await BlockingWork.run { () -> [UInt8]? in
            guard let path = try store.chunkPath(id), let handle = FileHandle(forReadingAtPath: path) else {
                return nil
            }
            defer { try? handle.close() }
            guard let data = try handle.read(upToCount: WireLimits.chunkBytes + 1), WireLimits.isChunk(data.count)
            else { return nil }
            return Array(data)
        }
        guard let bytes else { return .failed(.notFound) }
        try await transport.upload(id, bytes: bytes)
        return .uploaded
    }

    private func download(_ id: ChunkID) async throws -> SyncAnswer {
        let bytes = try await transport.download(id)
        let store = store
        return try await BlockingWork.run {
            guard SealedChunk.id(of: bytes) == id else { return .wrongChunk }
            try store.storeChunk(id, bytes: bytes)
            return .downloaded
        }
    }
}

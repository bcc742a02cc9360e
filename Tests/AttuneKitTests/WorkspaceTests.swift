// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneKit
import AttuneTensor
import AttuneTestSupport
import AttuneTraining
import AttuneVault
import Foundation
import Testing

/// The use cases, in this process.
@Suite struct WorkspaceTests {
    @Test func aFailedWriteOfACheckpointLeavesTheRunResumable() throws {
        let store = try KitStore()
        let session = try TrainingSession.prepare(try store.request(), in: store.workspace)
        let chunks = store.workspace.paths.store.path + "/chunks"
        // The folder of chunks becomes a file: nothing can be stored any more.
        try FileManager.default.removeItem(atPath: chunks)
        try Data().write(to: URL(filePath: chunks))
        #expect(code { _ = try session.runAlone() }?.hasPrefix("E-VAULT") == true)
        let run = try #require(try store.workspace.vault.runs.all().first)
        #expect(run.state == .failed)
        #expect(run.detail?.isEmpty == false)
        #expect(try store.workspace.vault.adapters.all().isEmpty)
        try FileManager.default.removeItem(atPath: chunks)
        let resumed = try TrainingSession.resume([run.id], in: store.workspace)
        #expect(try resumed.runAlone().version != nil)
    }

    @Test func aResumedRunEndsWithTheSameTensors() throws {
        let store = try KitStore()
        let whole = try store.train("whole", epochs: 3)
        for stopAt in 1...5 {
            let name = "stopped\(stopAt)"
            let stop = StopFlag()
            let session = try TrainingSession.prepare(try store.request(name, epochs: 3), in: store.workspace)
            let first = try session.runAlone(stop: stop) { event in
                if case .step(let report) = event, report.step == stopAt { stop.request() }
            }
            #expect(first.version == nil)
            let second = try TrainingSession.resume([first.runID], in: store.workspace)
            let version = try #require(try second.runAlone().version)
            let tensors = try [whole, version].map { try store.workspace.load($0).adapter.encoded() }
            #expect(tensors[0] == tensors[1])
        }
    }

    @Test func whatWasTrainedIsKeptInBfloat16AndWhatIsBroughtAsItIs() throws {
        let store = try KitStore()
        let version = try store.train()
        let adapter = try store.workspace.load(version).adapter
        let numbers = adapter.parameters.values.values
        #expect(numbers.contains { $0 != 0 })
        #expect(numbers.allSatisfy { BFloat16($0).value == $0 })
        #expect(adapter.encoded() == adapter.writer(rounding: true).bytes())
        adapter.parameters.values[0, 0] = 0.1
        let manifest = AdapterManifest(adapter)
        let copy = try store.workspace.keep(adapter, manifest: manifest, as: "copy")
        #expect(try store.workspace.load(copy).adapter.parameters.values[0, 0] == 0.1)
    }

    @Test func anAdapterOfAnotherBaseIsRefusedByNameOfBoth() throws {
        let store = try KitStore()
        let version = try store.train()
        let file = try KitStore.model(seed: 2).write(to: store.folder, name: "other.gguf")
        let other = try store.workspace.bases.add(path: file, name: "other")
        let loaded = try store.workspace.load(version)
        let error = #expect(throws: KitError.self) { try loaded.check(against: other) }
        #expect(error?.code == "E-ADAPTER-020")
        #expect(error?.exitStatus == .conflict)
        #expect(error?.message.contains("tiny") == true)
        #expect(error?.message.contains("other") == true)
        var request = try store.request()
        request.base = "other"
        #expect(code { _ = try TrainingSession.prepare(request, in: store.workspace) } == "E-ADAPTER-021")
        let key = KitStore.passphrase
        let path = store.folder.path + "/notes.attune"
        try store.workspace.exportSealed(loaded, to: path, passphrase: key)
        #expect(
            code { _ = try store.workspace.importSealed(path, to: .new("x"), base: other, passphrase: key) }
                == "E-ADAPTER-020")
        #expect(try store.workspace.vault.adapters.all().map(\.name) == ["notes"])
    }

    @Test func aSealedFileIsNeverReplacedAndGarbageIsRefused() throws {
        let store = try KitStore()
        let loaded = try store.workspace.load(try store.train())
        let path = store.folder.path + "/notes.attune"
        let key = KitStore.passphrase
        try store.workspace.exportSealed(loaded, to: path, passphrase: key)
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(code { try store.workspace.exportSealed(loaded, to: path, passphrase: key) } == "E-FILE-010")
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        let other = try AttuneFile.seal(UnsafeRawBufferPointer(start: nil, count: 0), passphrase: key)
        let garbage = try store.folder.write(other, to: "empty.attune")
        #expect(code { _ = try PortableAdapter.open(garbage, passphrase: key) } == "E-FILE-011")
    }

    @Test func evaluationIsOfTheAdapterAndOfTheBaseAlone() throws {
        let store = try KitStore()
        let loaded = try store.workspace.load(try store.train())
        let path = try store.request().adapters[0].paths
        let once = try store.workspace.compare(loaded, on: path, precision: .float32)
        let again = try store.workspace.compare(loaded, on: path, precision: .float32)
        #expect(once.loss == again.loss)
        #expect(once.baseLoss == again.baseLoss)
        #expect(once.loss < once.baseLoss)
        #expect(once.maxLen == 64)
        #expect(once.packing == .documents)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation
import Testing

@testable import AttuneVault

struct LockTests {
    @Test func aSecondWriterIsToldWhoHoldsTheStore() throws {
        let store = try TestStore()
        let clock = ContinuousClock()
        var error: (any Error)?
        let waited = clock.measure { error = failure { try TestStore.open(store.path) } }
        #expect(error?.failureCode == "E-VAULT-002")
        #expect(error?.failureStatus == .storeLocked)
        #expect("\(error!)".contains("process \(ProcessInfo.processInfo.processIdentifier) (attune)"))
        #expect(waited >= .seconds(2))
        try store.vault.close()
        #expect(failure { try TestStore.open(store.path) } == nil)
    }

    @Test func readersShareTheStoreWithAWriter() throws {
        let store = try TestStore()
        try store.vault.versions.add(to: "a", base: TestStore.base, TestStore.version(1))
        let one = try TestStore.open(store.path, .reading)
        let two = try TestStore.open(store.path, .reading)
        #expect(try one.adapters.all().count == 1)
        #expect(try two.adapters.all().count == 1)
        try store.vault.versions.add(to: "b", base: TestStore.base, TestStore.version(2))
        #expect(try one.adapters.all().count == 2)
        try one.close()
        #expect(try two.versions.bytes(two.versions.fetch("b").id) == TestStore.bytes(3000, seed: 2))
        try store.vault.close()
        #expect(try two.adapters.all().count == 2)
    }

    @Test func aWriterThatOnlyWaitsLetsOthersWrite() throws {
        let store = try TestStore()
        store.vault.yieldLock()
        let other = try TestStore.open(store.path)
        try other.documents.put(name: "a", text: "alpha")
        #expect(failure { try store.vault.documents.put(name: "b", text: "beta") }?.failureStatus == .storeLocked)
        other.yieldLock()
        try store.vault.documents.put(name: "b", text: "beta")
        #expect(try store.vault.documents.all().map(\.name) == ["a", "b"])
    }

    @Test func aFileLeftByADeadProcessLocksNothing() throws {
        let store = try TestStore()
        try store.vault.close()
        try Data("999999 attune train\n".utf8).write(to: URL(filePath: store.path + "/lock"))
        #expect(failure { try TestStore.open(store.path) } == nil)
    }

    @Test func manyThreadsMayCall() async throws {
        let store = try TestStore()
        let vault = store.vault
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    try vault.documents.put(name: "\(index)", text: "text \(index)")
                    try vault.versions.add(
                        to: "a\(index % 2)", base: TestStore.base, TestStore.version(UInt8(index), count: 100))
                    _ = try vault.adapters.all()
                }
            }
            try await group.waitForAll()
        }
        #expect(try vault.documents.all().count == 8)
        #expect(try vault.versions.all(of: "a0").map(\.number) == [1, 2, 3, 4])
        #expect(try vault.verify().isWhole)
    }
}

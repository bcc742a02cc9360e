// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneRelay
import Foundation

/// `attune-relay invite`: a token that lets one person open a circle.
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Print a token that lets one circle be opened here.")

    @OptionGroup var data: StoreOptions

    func run() async throws {
        let token = InviteToken.make()
        try await data.open(serving: false).store.addInvite(token)
        print(token)
    }
}

/// `attune-relay status`: totals as one line of JSON.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Print how much the relay holds, as JSON.")

    @OptionGroup var data: StoreOptions

    func run() async throws { try printJSON(await data.open(serving: false).store.status()) }
}

/// `attune-relay gc`: removes what nobody needs; a running relay does it every hour.
struct GarbageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Remove released chunks whose grace is over, and uploads that no entry names.")

    @OptionGroup var data: StoreOptions

    func run() async throws { try printJSON(await data.open(serving: false).store.collectGarbage()) }
}

/// `attune-relay quota`: another limit for one circle.
struct QuotaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota", abstract: "Give one circle another limit than the default.")

    @OptionGroup var data: StoreOptions
    @Argument(help: "The circle's id, 64 hexadecimal digits.") var circle: String
    @Argument(help: "Bytes, or default.") var bytes: String

    func run() async throws {
        let id = try circleID(circle, of: "quota")
        let limit = UInt64(bytes)
        guard limit != nil || bytes == "default" else {
            throw RelayProcessError.option("\(bytes) is no count of bytes", of: "quota")
        }
        guard try await data.open(serving: false).store.setQuota(limit, of: id) else {
            throw RelayProcessError.noCircle(circle)
        }
    }
}

/// `attune-relay delete`: as two devices of a circle do.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a circle: nobody reaches it, and it goes for good after 30 days.")

    @OptionGroup var data: StoreOptions
    @Argument(help: "The circle's id, 64 hexadecimal digits.") var circle: String

    func run() async throws {
        let (store, id) = try await data.circle(circle, of: "delete")
        let until = try await store.deleteCircle(id)
        try printJSON(["until": until])
    }
}

/// `attune-relay undelete`: takes a deletion back.
struct UndeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undelete", abstract: "Bring a circle back that was deleted.")

    @OptionGroup var data: StoreOptions
    @Argument(help: "The circle's id, 64 hexadecimal digits.") var circle: String

    func run() async throws {
        let (store, id) = try await data.circle(circle, of: "undelete")
        try await store.undeleteCircle(id)
    }
}

/// `attune-relay check`: whether what is counted is what is there.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Count again what each circle has, and print where sums differ, as JSON.",
        discussion: """
            It reads every entry and looks for the file of every chunk, beside a relay that goes on serving. Ends with 8 \
            where something differs. After a database was restored or lost: attune-relay check --mend. After a disk \
            failed: attune-relay check --contents --mend
            """)

    @OptionGroup var data: StoreOptions
    @Flag(
        help: """
            Put the right sums in place of those that differ; a chunk whose bytes are gone counts as not there, and \
            devices that have it send it again at their next sync. What lies in place of a chunk is kept for 30 days, in \
            chunks/damaged of the folder.
            """)
    var mend = false
    @Flag(
        help: """
            Read every chunk too, which takes as long as reading all that is kept: one with other bytes than its id says \
            counts as gone.
            """)
    var contents = false

    func run() async throws {
        let found = try await data.open(serving: false).store.check(mends: mend, contents: contents)
        try printJSON(found)
        guard !found.isEmpty, !mend else { return }
        throw RelayProcessError.sumsDiffer(found.count, (contents ? " --contents" : "") + data.arguments)
    }
}

extension StoreOptions {
    /// The store and the id of one of its circles.
    fileprivate func circle(
        _ text: String, of command: String
    ) async throws -> (any RelayMaintenance, CircleID) {
        let id = try circleID(text, of: command)
        let store = try await open(serving: false).store
        guard try await store.head(of: id) != nil else { throw RelayProcessError.noCircle(text) }
        return (store, id)
    }
}

private func circleID(_ text: String, of command: String) throws -> CircleID {
    guard let id = CircleID(hex: text) else {
        throw RelayProcessError.option("\(text) is no circle's id", of: command)
    }
    return id
}

private func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

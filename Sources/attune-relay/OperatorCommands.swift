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
        guard let id = Digest256(hex: circle) else { throw RelayFailure.option("\(circle) is no circle's id") }
        let limit = UInt64(bytes)
        guard limit != nil || bytes == "default" else { throw RelayFailure.option("\(bytes) is no count of bytes") }
        guard try await data.open(serving: false).store.setQuota(limit, of: id) else {
            throw RelayFailure.noCircle(circle)
        }
    }
}

private func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

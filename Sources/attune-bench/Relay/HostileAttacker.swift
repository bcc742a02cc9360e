// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneTestSupport
import Foundation

/// `attune-bench attack`: one attack, in a process of its own with the least claim to the processor.
///
/// An attacker computes elsewhere; beside the relay on one machine it gets what the relay and the honest circle leave.
struct HostileAttacker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attack", abstract: "Attack a relay; `relay --hostile` runs it.", shouldDisplay: false)

    @Argument(help: "Address of the relay.") var address: String
    @Argument(help: "Name of the attack.") var name: String
    @Option(help: "Size of the attack.") var scale = 1.0
    @Option(help: "Seconds that it lasts.") var seconds = 30.0

    func run() async throws {
        guard let attack = RelayAttack.all.first(where: { $0.name == name }) else {
            throw ValidationError("there is no attack \(name)")
        }
        let counts = try await attack.run(address, scale, seconds)
        print(String(decoding: try JSONEncoder().encode(counts), as: UTF8.self))
    }

    /// Starts an attack and waits for its end.
    ///
    /// - Returns: what the attacker reached.
    /// - Throws: if it ended badly.
    static func attack(
        _ relay: RelayProcess, _ attack: RelayAttack, scale: Double, seconds: Double
    ) async throws -> [String: Int] {
        let folder = try TemporaryDirectory()
        let (output, errors) = (folder.path + "/counts", folder.path + "/errors")
        let process = try ChildProcess(
            "nice",
            [
                "-n", "19", try AttuneProcess.program("attune-bench"), "attack", relay.address, attack.name, "--scale",
                "\(scale)", "--seconds", "\(seconds)",
            ], environment: ["PATH": "/usr/bin:/bin"], folder: folder.path, output: output, errors: errors)
        let deadline = ContinuousClock.now + .seconds(seconds + 120)
        while process.poll() == nil, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        guard process.poll() == .exit(0) else {
            throw BenchFailure((try? String(contentsOfFile: errors, encoding: .utf8)) ?? "the attacker did not end")
        }
        return try JSONDecoder().decode([String: Int].self, from: Data(contentsOf: URL(filePath: output)))
    }
}

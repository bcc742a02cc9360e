// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import Foundation

/// What the command itself refuses.
struct RelayFailure: AttuneError {
    let code: String
    let message: String
    let remedy: String?
    let exitStatus: ExitStatus

    /// An option, or what stands beside them, is wrong.
    static func option(_ what: String, of command: String = "serve") -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-034", message: what, remedy: "See: attune-relay help \(command)", exitStatus: .usage)
    }

    /// The folder is used by a relay already.
    static func locked(_ folder: String) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-036", message: "a relay serves \(folder) already", remedy: "Stop it, or give another --dir.",
            exitStatus: .storeLocked)
    }

    /// There is no relay's store in the folder.
    static func noStore(_ folder: String) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-037", message: "there is no relay's data in \(folder)",
            remedy: "Start it once: attune-relay serve --dir \(folder)", exitStatus: .noStore)
    }

    /// There is no such circle.
    static func noCircle(_ circle: String) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-038", message: "there is no circle \(circle) here", remedy: "Check the id.",
            exitStatus: .notFound)
    }

    /// Sums of circles are not what is there.
    static func sumsDiffer(_ count: Int) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-041", message: "\(count) sums differ from what is there",
            remedy: "Put them right: attune-relay check --mend", exitStatus: .invalidData)
    }

    /// The address cannot be listened on.
    static func cannotListen(_ failure: RelayServer.CannotListen) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-040",
            message:
                "\(failure.host):\(failure.port) cannot be listened on: \(String(cString: strerror(failure.reason)))",
            remedy: "Give --listen an address of this machine and a port that is free; port 0 takes one.",
            exitStatus: failure.reason == EADDRINUSE ? .conflict : .usage)
    }

    /// A file cannot be used.
    static func file(_ path: String, _ reason: String) -> RelayFailure {
        RelayFailure(
            code: "E-RELAY-039", message: "\(path): \(reason)", remedy: "Check the path and its permissions.",
            exitStatus: .notFound)
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneRelay
import AttuneWire
import Foundation

/// What the command itself refuses.
typealias RelayProcessError = Failure<RelayFailure>

extension RelayProcessError {
    /// An option, or what stands beside them, is wrong.
    static func option(_ what: String, of command: String = "serve") -> RelayProcessError {
        RelayProcessError(.option, what, remedy: "See: attune-relay help \(command)")
    }

    /// The folder is used by a relay already.
    static func locked(_ folder: String) -> RelayProcessError {
        RelayProcessError(.folderInUse, "a relay serves \(folder) already", remedy: "Stop it, or give another --dir.")
    }

    /// There is no relay's store in the folder.
    static func noStore(_ folder: String) -> RelayProcessError {
        RelayProcessError(
            .noData, "there is no relay's data in \(folder)",
            remedy: "Start it once: attune-relay serve --dir \(folder)")
    }

    /// There is no such circle.
    static func noCircle(_ circle: String) -> RelayProcessError {
        RelayProcessError(.unknownCircle, "there is no circle \(circle) here", remedy: "Check the id.")
    }

    /// Sums of circles are not what is there.
    ///
    /// - Parameter options: where they are, as arguments of a command.
    static func sumsDiffer(_ count: Int, _ options: String) -> RelayProcessError {
        RelayProcessError(
            .sumsDiffer, "\(count) sums differ from what is there",
            remedy: "Put them right: attune-relay check --mend\(options)")
    }

    /// The address cannot be listened on.
    static func cannotListen(_ failure: RelayServer.CannotListen) -> RelayProcessError {
        RelayProcessError(
            .cannotListen,
            "\(failure.host):\(failure.port) cannot be listened on: \(String(cString: strerror(failure.reason)))",
            remedy: "Give --listen an address of this machine and a port that is free; port 0 takes one.",
            exit: failure.reason == EADDRINUSE ? .conflict : .usage)
    }

    /// A file cannot be used.
    static func file(_ path: String, _ reason: String) -> RelayProcessError {
        RelayProcessError(.unusableFile, "\(path): \(reason)", remedy: "Check the path and its permissions.")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// A time by which something that talks to a remote has to be over.
enum Deadline {
    /// Runs `body`, for at most so many seconds, and tells failures of the network from anything else.
    ///
    /// - Parameter sign: seconds after which `body` has to have shown a sign of life, and whether it has.
    /// - Throws: `RemoteFailure`, or `CancellationError` if the task was cancelled.
    static func run<Value: Sendable>(
        seconds: Double, sign: (seconds: Double, isThere: @Sendable () -> Bool)? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value.self) { group in
                group.addTask(operation: body)
                group.addTask {
                    try await Task.sleep(for: .seconds(seconds))
                    throw RemoteFailure.timedOut
                }
                if let sign {
                    group.addTask {
                        try await Task.sleep(for: .seconds(sign.seconds))
                        if sign.isThere() { try await Task.sleep(for: .seconds(seconds)) }
                        throw RemoteFailure.timedOut
                    }
                }
                defer { group.cancelAll() }
                guard let value = try await group.next() else { throw RemoteFailure.timedOut }
                return value
            }
        } catch let failure as RemoteFailure {
            throw failure
        } catch {
            try Task.checkCancellation()
            switch error {
            case let error as HTTPClientError where Self.timeouts.contains(error): throw RemoteFailure.timedOut
            default: throw RemoteFailure.unreachable(reason(error))
            }
        }
    }

    /// A failure of the network in words; what the libraries call it names their own parts.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "the name \(error.host) is not known"
        case is NIOSSLError, is BoringSSLError: "no TLS connection comes about with it"
        default: "\(error)"
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .readTimeout, .writeTimeout, .connectTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout,
        .requestStreamCancelled,
    ]
}

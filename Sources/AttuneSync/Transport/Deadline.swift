// Attune
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient

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
            default: throw RemoteFailure.unreachable("\(error)")
            }
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .readTimeout, .writeTimeout, .connectTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout,
        .requestStreamCancelled,
    ]
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Synchronization

/// Counts of requests, in the text form of Prometheus.
final class RelayMetrics: Sendable {
    private struct Key: Hashable {
        let route: String
        let method: String
        let status: Int
    }
    private struct State {
        var requests: [Key: UInt64] = [:]
        var buckets = [UInt64](repeating: 0, count: RelayMetrics.bounds.count + 1)
        var seconds = 0.0
        var bytesIn: UInt64 = 0
        var bytesOut: UInt64 = 0
        var entries: UInt64 = 0
    }
    private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]
    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .put, .post, .delete]
    private let state = Mutex(State())

    /// - Parameter route: the pattern of the path, so that the labels are few.
    func count(route: String, method: HTTPRequest.Method, status: Int, seconds: Double) {
        let key = Key(route: route, method: Self.methods.contains(method) ? method.rawValue : "other", status: status)
        state.withLock { state in
            state.requests[key, default: 0] += 1
            state.buckets[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
            state.seconds += seconds
        }
    }

    func received(_ bytes: Int) { state.withLock { $0.bytesIn += UInt64(bytes) } }
    func sent(_ bytes: Int) { state.withLock { $0.bytesOut += UInt64(bytes) } }
    func accepted(_ entries: Int) { state.withLock { $0.entries += UInt64(entries) } }

    /// - Parameter gauges: further values by name.
    func text(gauges: [(name: String, help: String, value: UInt64)]) -> String {
        let state = state.withLock { $0 }
        var lines = [
            "# HELP attune_relay_requests_total Requests by route, method and status.",
            "# TYPE attune_relay_requests_total counter",
        ]
        for (key, count) in state.requests.sorted(by: { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) })
        {
            lines.append(
                "attune_relay_requests_total{route=\"\(key.route)\",method=\"\(key.method)\",status=\"\(key.status)\"} \(count)"
            )
        }
        lines.append("# HELP attune_relay_request_seconds Time from a request's head to its answer's head.")
        lines.append("# TYPE attune_relay_request_seconds histogram")
        var total: UInt64 = 0
        for (bound, count) in zip(Self.bounds.map { String($0) } + ["+Inf"], state.buckets) {
            total += count
            lines.append("attune_relay_request_seconds_bucket{le=\"\(bound)\"} \(total)")
        }
        lines.append("attune_relay_request_seconds_sum \(state.seconds)")
        lines.append("attune_relay_request_seconds_count \(total)")
        for (name, help, value) in [
            ("chunk_bytes_received_total", "Bytes of chunks received.", state.bytesIn),
            ("chunk_bytes_sent_total", "Bytes of chunks sent.", state.bytesOut),
            ("entries_accepted_total", "New entries kept.", state.entries),
        ] {
            lines += ["# HELP attune_relay_\(name) \(help)", "# TYPE attune_relay_\(name) counter"]
            lines.append("attune_relay_\(name) \(value)")
        }
        for gauge in gauges {
            lines += ["# HELP attune_relay_\(gauge.name) \(gauge.help)", "# TYPE attune_relay_\(gauge.name) gauge"]
            lines.append("attune_relay_\(gauge.name) \(gauge.value)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

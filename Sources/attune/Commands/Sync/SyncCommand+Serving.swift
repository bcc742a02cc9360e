// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

extension SyncCommand {
    struct Watch: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sync now and on every change, here or elsewhere, until Ctrl-C.",
            discussion: """
                Waits while nothing can be reached, and for attune sync resume while sync is paused. Other commands can \
                be used meanwhile. Sources/attune/attune-sync.service runs it as a service of the user.
                """)
        @OptionGroup var remote: SyncRemoteOptions
        @Flag(help: "Print every event as a line of JSON.") var jsonl = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            let remote = try remote.remote(for: workspace)
            let output = SyncWatchOutput(console: global.console, isJSON: jsonl || global.json)
            try Waiting.untilEnded {
                try await workspace.watchSync(with: remote, progress: { output.show($0) }, event: { output.show($0) })
            }
            output.end()
        }
    }

    struct Serve: AttuneCommand {
        static let configuration = CommandConfiguration(
            abstract: "Serve the circle's other devices on the local network until Ctrl-C.",
            discussion: """
                Where avahi is running the others find this one by themselves: attune sync now --nearby. Nobody else can \
                tell whose device it is.
                """)
        @Option(help: "HOST:PORT to listen on; port 0 takes a free one, 0.0.0.0 means every address.")
        var listen: NetworkAddress
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let workspace = try global.open(.writing)
            let (console, listen, json) = (global.console, listen, global.json)
            try Waiting.untilEnded {
                try await LocalService.standard.serve(
                    workspace, host: listen.host, port: listen.port,
                    started: { port in
                        let address = listen.text(port: port)
                        if json {
                            try console.print(["listening": address])
                        } else {
                            console.print("Listening on \(address)")
                        }
                    }, unannounced: { console.note("\($0.message)") })
            }
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneTestSupport
import Foundation
import Testing

/// Letting go of what is stored on a file system without a byte left, where it is wanted most.
@Suite(.enabled(if: DamagedStoreTests.canMount, "no tmpfs can be mounted here")) struct FullDiskTests {
    /// Three adapters, each with chunks of its own.
    private static func filled() throws -> TinyStore {
        let store = try TinyStore()
        try store.train(try store.writeRows(12), name: "notes")
        let folder = store.outside.path + "/peft"
        try store.expect("adapters", "export", "notes", "--format", "peft", folder, exits: 0)
        for name in ["old", "older"] { try store.expect("adapters", "import", folder, "--name", name, exits: 0) }
        return store
    }

    /// Runs lines of a shell on a copy of the store in a file system of 6 MiB; `fill` takes the last byte of it, and
    /// `try_it` prints what a command ended with.
    private static func onSmallDisk(_ store: TinyStore, _ lines: String) throws -> [String] {
        let result = try store.attune.shell(
            """
            unshare -m bash <<'END'
            mkdir -p "$HOME/small" && mount -t tmpfs -o size=6m tmpfs "$HOME/small" || exit 99
            cp -r "$ATTUNE_STORE" "$HOME/small/s" || exit 98
            export ATTUNE_STORE=$HOME/small/s
            fill() {
                for size in 64k 1k 1; do dd if=/dev/zero bs=$size status=none 2>/dev/null >>"$HOME/small/filler"; done
            }
            free() { df --output=avail -B1 "$HOME/small" | tail -1 | tr -d ' '; }
            try_it() { "$ATTUNE" "$@" >"$HOME/out" 2>"$HOME/err"; echo "$1 $2 $?"; }
            \(lines)
            END
            """)
        try #require(result.isOrderly && result.status == 0, "\(result.end) \(result.errors)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test func aDiskWithoutAByteLeftLetsThingsGo() throws {
        let store = try Self.filled()
        let before = try store.versions()
        let said = try Self.onSmallDisk(
            store,
            """
            fill; free
            try_it adapters copy notes more
            grep -o 'attune trash empty --all' "$HOME/err"
            for name in old older; do
                try_it adapters rm $name --yes; fill; free
                try_it trash empty --all --yes; free
                fill
            done
            try_it adapters verify
            try_it doctor --json
            "$ATTUNE" adapters list --json
            find "$ATTUNE_STORE/chunks" -type f | wc -l
            """)
        try #require(said.count == 15, "\(said)")
        #expect(said[0] == "0")
        #expect(said[1] == "adapters copy 7")
        #expect(said[2] == "attune trash empty --all")
        for (round, name) in ["old", "older"].enumerated() {
            let part = Array(said[3 + 4 * round..<7 + 4 * round])
            #expect(part[0] == "adapters rm 0", "\(name)")
            #expect(part[1] == "0", "\(name)")
            #expect(part[2] == "trash empty 0", "\(name)")
            #expect(try #require(Int(part[3])) > 0, "\(name)")
        }
        #expect(said[11] == "adapters verify 0")
        #expect(said[12] == "doctor --json 0")
        #expect(said[13].contains(#""notes""#))
        #expect(!said[13].contains(#""old"#))
        #expect(said[14] == "1")
        #expect(try store.versions() == before)
    }

    /// Such as one of before, or one whose process was killed and whose room another program took.
    @Test func aStoreThatKeptNoRoomSaysWhatToDoAndThatWorks() throws {
        let store = try Self.filled()
        let said = try Self.onSmallDisk(
            store,
            """
            try_it adapters rm old --yes
            try_it adapters rm older --yes
            rm "$ATTUNE_STORE/reserve"; fill
            try_it trash empty --all --yes; cat "$HOME/err" | tr '\\n' ' '; echo
            "$ATTUNE" trash list --json
            try_it adapters verify
            truncate -s -2M "$HOME/small/filler"
            try_it trash empty --all --yes
            try_it adapters verify
            stat -c %s "$ATTUNE_STORE/reserve"
            """)
        try #require(said.count == 9, "\(said)")
        #expect(said[2] == "trash empty 7")
        #expect(said[3].contains("E-VAULT-006"))
        #expect(said[3].contains("Free a few MiB"))
        #expect(!said[3].contains("attune trash empty"))
        #expect(said[4].contains(#""old""#))
        #expect(said[4].contains(#""older""#))
        #expect(said[5...] == ["adapters verify 0", "trash empty 0", "adapters verify 0", "1048576"])
    }
}

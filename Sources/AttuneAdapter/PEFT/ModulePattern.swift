// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A name or regular expression of a PEFT configuration, matched against the path of a module.
///
/// The expressions come from files that are not trusted: they are few, and matches that take too many steps count as an
/// error.
struct ModulePattern {
    /// Expressions of one configuration that are no plain paths.
    static let expressionLimit = 64
    /// What all matches of one configuration may take, each time that a match goes on for some ten thousand steps.
    static let effort = 100

    private let plain: String?
    private let expression: NSRegularExpression?
    private let source: String

    /// The whole path must match `source`; with `afterDot`, what follows any dot of the path is enough.
    ///
    /// - Throws: `AdapterError` E-ADAPTER-005 naming `field`.
    init(_ source: String, afterDot: Bool, field: String) throws(AdapterError) {
        self.source = source
        guard source.utf8.count <= 4096 else { throw .field(field, "is longer than 4096 bytes") }
        // Most patterns are plain paths; a dot then stands for itself.
        if afterDot, source.utf8.allSatisfy({ Self.isPlain($0) }) {
            plain = source
            expression = nil
            return
        }
        plain = nil
        // Python's spelling of a named group and of what it matched.
        let source = source.replacing("(?P<", with: "(?<").replacing(/\(\?P=(\w+)\)/) { "\\k<\($0.1)>" }
        let body = afterDot ? #"\A(?:.*\.)?(?:\#(source))\z"# : #"\A(?:\#(source))\z"#
        do {
            expression = try NSRegularExpression(pattern: body)
        } catch {
            throw .field(field, "is not a regular expression that can be read: \(source.prefix(80))")
        }
    }

    /// `name` itself, at the end of a path or as the whole of it.
    init(name: String) {
        source = name
        plain = name
        expression = nil
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    var isExpression: Bool { expression != nil }

    /// - Parameter effort: what is left of it.
    /// - Throws: `AdapterError` E-ADAPTER-005 if the match takes too long.
    func matches(_ path: String, field: String, effort: inout Int) throws(AdapterError) -> Bool {
        if let plain { return path == plain || path.hasSuffix("." + plain) }
        guard let expression else { return false }
        var found = false
        var left = effort
        expression.enumerateMatches(
            in: path, options: [.reportProgress, .anchored], range: NSRange(path.startIndex..., in: path)
        ) { result, _, stop in
            if result != nil { found = true } else { left -= 1 }
            if found || left < 0 { stop.pointee = true }
        }
        effort = left
        guard left >= 0 else { throw .field(field, "takes too long to match: \(source.prefix(80))") }
        return found
    }
}

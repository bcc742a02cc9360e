// Attune
// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// As much of structured fields (RFC 8941) as request signatures need.
enum StructuredField {
    /// Bytes that a field may have.
    static let limit = 2048

    /// The value of member `key` of a dictionary, as it is written; nil if it is missing or there twice.
    static func member(_ key: String, of field: String) -> String? {
        guard field.utf8.count <= limit, field.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        var found: String?
        for part in split(field, at: ",") {
            let text = part.trimmingPrefix { $0 == " " }
            guard text.hasPrefix(key + "=") else { continue }
            guard found == nil else { return nil }
            found = String(text.dropFirst(key.count + 1))
            while found?.hasSuffix(" ") == true { found?.removeLast() }
        }
        return found
    }

    /// The bytes of member `key`, written as `:base64:`.
    static func byteSequence(_ key: String, in field: String) -> [UInt8]? {
        guard let value = member(key, of: field), value.count >= 2, value.first == ":", value.last == ":" else {
            return nil
        }
        return Data(base64Encoded: String(value.dropFirst().dropLast())).map { Array($0) }
    }

    /// The parameters `;key=value`; strings lose their quotes. Nil for anything else, a key given twice, or an escape.
    static func parameters(_ text: Substring) -> [String: String]? {
        guard text.isEmpty || text.first == ";" else { return nil }
        var result: [String: String] = [:]
        for part in split(String(text.dropFirst()), at: ";") {
            guard let equals = part.firstIndex(of: "=") else { return nil }
            let key = String(part[..<equals])
            var value = part[part.index(after: equals)...]
            if value.first == "\"" {
                guard value.count >= 2, value.last == "\"" else { return nil }
                value = value.dropFirst().dropLast()
                guard !value.contains("\""), !value.contains("\\") else { return nil }
            } else {
                guard !value.isEmpty, value.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
            }
            guard result.updateValue(String(value), forKey: key) == nil else { return nil }
        }
        return result
    }

    /// Splits at a character outside quotation marks.
    private static func split(_ text: String, at separator: Character) -> [Substring] {
        var quoted = false
        return text.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { quoted.toggle() }
            return character == separator && !quoted
        }
    }
}

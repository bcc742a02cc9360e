// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore

/// One thing that is wrong with the training data, and the exact place.
package struct DataIssue: Codable, Hashable, Sendable {
    /// The path a person can open; not escaped, see `description`.
    package var file: String
    /// Line from 1; nil if the failure is the file's.
    package var line: Int?
    /// Column from 1, counted in Unicode scalars; a byte order mark does not count.
    package var column: Int?
    package var code: DataIssueCode
    /// What is wrong, safe to print, without a final full stop.
    package var message: String
    /// The word that was probably meant.
    package var suggestion: String?

    package init(
        file: String, line: Int? = nil, column: Int? = nil, code: DataIssueCode, message: String,
        suggestion: String? = nil
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.code = code
        self.message = message
        self.suggestion = suggestion
    }
}

extension DataIssue: CustomStringConvertible {
    /// `file:line:column CODE message (did you mean "word"?)`, one line, safe to print.
    package var description: String {
        var text = Printable.path(file)
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        text += " \(code.rawValue) \(message)"
        if let suggestion { text += " (did you mean \"\(suggestion)\"?)" }
        return text
    }
}

/// The failures that a piece of training data can have: one code per failure, never reused.
///
/// `E-DATA-001` to `009` are the `TrainingError`s that end a load; these are the ones tied to a place in a file.
package enum DataIssueCode: String, Codable, FailureKind {
    case unreadableFile = "E-DATA-010"
    case oversizedFile = "E-DATA-011"
    case invalidUTF8 = "E-DATA-012"
    case binaryFile = "E-DATA-013"
    case unknownRole = "E-DATA-014"
    case oversizedLine = "E-DATA-015"
    case invalidJSON = "E-DATA-016"
    case truncatedJSON = "E-DATA-017"
    case invalidEscape = "E-DATA-018"
    case loneSurrogate = "E-DATA-019"
    case controlCharacter = "E-DATA-020"
    case invalidNumber = "E-DATA-021"
    case nestedTooDeeply = "E-DATA-022"
    case tooManyValues = "E-DATA-023"
    case duplicateKey = "E-DATA-024"
    case trailingText = "E-DATA-025"
    case notAnObject = "E-DATA-026"
    case unknownShape = "E-DATA-027"
    case missingKey = "E-DATA-028"
    case wrongType = "E-DATA-029"
    case severalShapes = "E-DATA-030"
    case noMessages = "E-DATA-031"
    case nothingToTrain = "E-DATA-032"
    case noAssistant = "E-DATA-033"
    case toolCalls = "E-DATA-034"
    case mixedPrompt = "E-DATA-035"
    case unreadableFolder = "E-DATA-036"

    package var summary: FailureSummary { FailureSummary(.invalidData, meaning) }

    /// What the code means, one line.
    package var meaning: String {
        switch self {
        case .unreadableFile: "The file cannot be opened or read."
        case .oversizedFile: "The file is larger than the limit (1 GiB)."
        case .invalidUTF8: "The file is not UTF-8 from this byte on; convert it, for example with iconv."
        case .binaryFile: "The file holds a NUL byte, so it is not text."
        case .unknownRole: "A message has a role other than system, user, assistant or tool."
        case .oversizedLine: "A line of a JSONL file is longer than the limit (16 MiB)."
        case .invalidJSON: "The line is not JSON: another character was expected here."
        case .truncatedJSON: "The line ends before its JSON value does."
        case .invalidEscape: "A string holds a backslash escape that JSON does not have."
        case .loneSurrogate: "A string holds one half of a \\uD800–\\uDFFF pair without the other."
        case .controlCharacter: "A string holds a raw control character; JSON wants it escaped."
        case .invalidNumber: "A number is not spelled as JSON spells numbers."
        case .nestedTooDeeply: "Lists and objects are nested deeper than the limit (64)."
        case .tooManyValues: "One line holds more values than the limit (250000)."
        case .duplicateKey: "An object has the same key twice."
        case .trailingText: "Something follows the JSON value on the same line."
        case .notAnObject: "A line must be one JSON object."
        case .unknownShape: "The object has none of the keys text, prompt and completion, messages, conversations."
        case .missingKey: "A key that this shape needs is missing."
        case .wrongType: "The value of a key has the wrong type."
        case .severalShapes: "The object has the keys of more than one shape, so which to train on is unclear."
        case .noMessages: "A list of messages is empty."
        case .nothingToTrain: "The text, the completion or the answer to learn is empty."
        case .noAssistant: "A conversation has no assistant message, so there is nothing to learn."
        case .toolCalls: "A message calls a tool; such calls cannot be trained."
        case .mixedPrompt: "One of prompt and completion is a string and the other a list of messages."
        case .unreadableFolder: "A folder below the one given cannot be opened, or is nested too deeply."
        }
    }
}

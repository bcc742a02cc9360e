// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import Foundation

/// Reads files into a dataset, one after the other.
struct DatasetLoader {
    private(set) var dataset = Dataset()
    private let options: DatasetOptions
    private var seen: Set<DatasetFile.Identity> = []

    init(options: DatasetOptions) {
        self.options = options
        dataset.skipsBad = options.skipBad
    }

    /// Reads one path as it was given: a folder or a file.
    mutating func read(_ path: String) throws {
        var status = stat()
        guard !path.utf8.contains(0) else {
            throw TrainingError.dataNotFound(path, reason: "the path holds a NUL byte")
        }
        guard stat(path, &status) == 0 else {
            throw TrainingError.dataNotFound(path, reason: String(cString: strerror(errno)))
        }
        if status.st_mode & S_IFMT == S_IFDIR { return try readFolder(path) }
        guard (Dataset.extensions + ["json"]).contains(DatasetFolder.ending(of: path.utf8)) else {
            throw TrainingError.otherType(path)
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try readFile(Array(path.utf8CString), source: DataSource(root: path, path: name), isNamed: true)
    }

    private mutating func readFolder(_ path: String) throws {
        let root = Array(path.utf8CString.dropLast())
        let folder: DatasetFolder?
        do {
            folder = try DatasetFolder(
                path: root + [0], depthLimit: options.folderDepthLimit, countLimit: options.fileCountLimit)
        } catch {
            throw TrainingError.tooMuchData(
                "\(Printable.quoted(path, limit: 400)) holds more than \(options.fileCountLimit) files")
        }
        guard let folder else { throw TrainingError.dataNotFound(path, reason: String(cString: strerror(errno))) }
        for (entry, reason) in folder.ignored { ignore(DataSource(root: path, path: entry.name), reason) }
        for (entry, reason) in folder.unreadable {
            report(.unreadableFolder, DataSource(root: path, path: entry.name), "the folder cannot be read: \(reason)")
        }
        for entry in folder.files {
            let full = root + [0x2F] + entry.path.map { CChar(bitPattern: $0) } + [0]
            try readFile(full, source: DataSource(root: path, path: entry.name), isNamed: false)
        }
    }

    private mutating func readFile(_ path: [CChar], source: DataSource, isNamed: Bool) throws {
        guard let file = DatasetFile(path: path, followsLinks: isNamed) else {
            return report(.unreadableFile, source, "the file cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard file.isRegular else { return ignore(source, .special) }
        guard seen.insert(file.identity).inserted else { return ignore(source, .repeated) }
        guard file.size <= options.fileByteLimit else {
            return report(
                .oversizedFile, source, "the file has \(file.size) bytes; the limit is \(options.fileByteLimit)")
        }
        guard dataset.bytes + file.size <= options.totalByteLimit else {
            throw TrainingError.tooMuchData("the files hold more than \(options.totalByteLimit) bytes together")
        }
        if ["jsonl", "json"].contains(DatasetFolder.ending(of: source.path.utf8)) {
            readRows(file, source: source)
        } else {
            readText(file, source: source)
        }
    }

    private mutating func readText(_ file: borrowing DatasetFile, source: DataSource) {
        guard let bytes = file.contents(limit: options.fileByteLimit) else {
            return report(.unreadableFile, source, "the file cannot be read to its end")
        }
        dataset.files += 1
        dataset.bytes += bytes.count
        bytes.withUnsafeBufferPointer { bytes in
            let null = bytes.firstIndex(of: 0)
            let invalid = DatasetText.firstInvalid(bytes)
            if let place = [null, invalid].compactMap({ $0 }).min() {
                return report(place == invalid ? .invalidUTF8 : .binaryFile, source, bytes, at: place)
            }
            let text = DatasetText.normalized(bytes)
            guard text.utf8.contains(where: { !DatasetText.isSpace($0) }) else { return ignore(source, .empty) }
            dataset.rows.append(.init(row: .text(text), source: source))
        }
    }

    /// Reads rows that stand a line each, or values that span lines.
    private mutating func readRows(_ file: borrowing DatasetFile, source: DataSource) {
        let (rows, issues) = (dataset.rows.count, dataset.issueCount)
        let beginning = file.beginning(1 << 16)
        let count =
            if beginning.withUnsafeBufferPointer(JSONDocument.isMeant) {
                JSONDocument.forEach(
                    file, valueLimit: options.lineByteLimit, fileLimit: options.fileByteLimit
                ) { place, value in readValue(value, at: place, source) }
            } else {
                DatasetLines(lineLimit: options.lineByteLimit, fileLimit: options.fileByteLimit).forEach(file) {
                    readLine($1, $0, source)
                }
            }
        dataset.files += 1
        dataset.bytes += count ?? file.size
        if count == nil {
            report(.unreadableFile, source, "the file cannot be read to its end")
        } else if dataset.rows.count == rows, dataset.issueCount == issues {
            ignore(source, .empty)
        }
    }

    private mutating func readLine(_ line: DatasetLines.Line, _ number: Int, _ source: DataSource) {
        let place = JSONDocument.Place(line: number)
        guard case .bytes(let whole) = line else {
            return report(.oversizedLine, source, "the line is longer than \(options.lineByteLimit) bytes", in: place)
        }
        let mark = number == 1 ? DatasetText.markLength(whole) : 0
        let bytes = UnsafeBufferPointer(rebasing: whole[mark...])
        guard bytes.contains(where: { !DatasetText.isSpace($0) }) else {
            dataset.blankLines += 1
            return
        }
        readRow(bytes, at: place, source)
    }

    private mutating func readValue(_ value: JSONDocument.Value, at place: JSONDocument.Place, _ source: DataSource) {
        switch value {
        case .bytes(let bytes): readRow(bytes, at: place, source)
        case .tooLong:
            report(.oversizedLine, source, "the object is longer than \(options.lineByteLimit) bytes", in: place)
        case .failure(let code, let message): report(code, source, message, in: place)
        }
    }

    private mutating func readRow(
        _ bytes: UnsafeBufferPointer<UInt8>, at place: JSONDocument.Place, _ source: DataSource
    ) {
        do throws(JSONLFailure) {
            if let place = DatasetText.firstInvalid(bytes) {
                throw JSONLFailure(.invalidUTF8, at: place, Self.notUTF8(bytes, at: place))
            }
            var scanner = JSONLScanner(bytes)
            let parsed = try JSONLRow(try scanner.line())
            for key in parsed.unusedKeys { Self.count(key, in: &dataset.unusedKeys) }
            dataset.rows.append(
                .init(row: parsed.row, source: DataSource(root: source.root, path: source.path, line: place.line)))
        } catch {
            let found = place.adding(DatasetText.place(bytes, of: error.offset))
            append(
                DataIssue(
                    file: source.file, line: found.line, column: found.column, code: error.code,
                    message: error.message, suggestion: error.suggestion))
        }
    }
}

// MARK: - Records

extension DatasetLoader {
    private mutating func report(
        _ code: DataIssueCode, _ source: DataSource, _ message: String, in place: JSONDocument.Place? = nil
    ) {
        append(
            DataIssue(
                file: source.file, line: place?.line, column: place?.column, code: code, message: message))
    }

    private mutating func report(
        _ code: DataIssueCode, _ source: DataSource, _ bytes: UnsafeBufferPointer<UInt8>, at offset: Int
    ) {
        let mark = DatasetText.markLength(bytes)
        let text = UnsafeBufferPointer(rebasing: bytes[mark...])
        let (line, column) = DatasetText.place(text, of: offset - mark)
        let message =
            code == .invalidUTF8 ? Self.notUTF8(bytes, at: offset) : "the file holds a NUL byte, so it is not text"
        append(DataIssue(file: source.file, line: line, column: column, code: code, message: message))
    }

    private mutating func append(_ issue: DataIssue) {
        dataset.issueCount += 1
        if dataset.issues.count < options.listLimit { dataset.issues.append(issue) }
    }

    private mutating func ignore(_ source: DataSource, _ reason: Dataset.Ignored.Reason) {
        dataset.ignoredCounts[reason, default: 0] += 1
        if reason == .otherType {
            let ending = DatasetFolder.ending(of: source.path.split(separator: "/").last.map { Array($0.utf8) } ?? [])
            Self.count(ending.isEmpty ? "no ending" : "." + ending, in: &dataset.otherTypes)
        }
        if dataset.ignored.count < options.listLimit {
            dataset.ignored.append(.init(file: source.file, reason: reason))
        }
    }

    /// Counts a name that the data chose; past 100 names the rest are counted together.
    private static func count(_ name: String, in counts: inout [String: Int]) {
        counts[counts[name] != nil || counts.count < 100 ? name : "other", default: 0] += 1
    }

    private static func notUTF8(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> String {
        let byte = String(bytes[offset], radix: 16, uppercase: true)
        if offset == 0, bytes.count > 1, (bytes[0], bytes[1]) == (0xFF, 0xFE) || (bytes[0], bytes[1]) == (0xFE, 0xFF) {
            return "the file is UTF-16; convert it with iconv -f UTF-16 -t UTF-8"
        }
        return "byte 0x\(byte) is not UTF-8"
    }
}

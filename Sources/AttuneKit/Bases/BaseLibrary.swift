// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneCrypto
import AttuneModel
import AttuneTensor
import AttuneTokenizer
import Foundation

/// The base models of this machine: public files that all adapters share, one folder each.
///
/// Layout: `bases/NAME/base.json` and the model's files beside it, or only `base.json` where the files are linked.
package struct BaseLibrary: Sendable {
    package let folder: URL

    package init(folder: URL) { self.folder = folder }

    /// Every base, by name.
    package func list() throws -> [BaseRecord] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return try names.sorted().filter { !$0.hasPrefix(".") }.compactMap { try record(named: $0) }
    }

    /// Finds a base by its name or by the first 8 or more digits of its id.
    ///
    /// - Throws: `KitError` `E-BASE-001` when there is none.
    package func find(_ text: String) throws -> BaseRecord {
        let all = try list()
        if let found = all.first(where: { $0.name == text }) { return found }
        if text.count >= 8, let found = all.first(where: { $0.id.description.hasPrefix(text) }) { return found }
        throw KitError.noBase(text, known: all.map(\.name))
    }

    /// The base that is named, or the default one: that of the last `init`, else `smollm2`, else the only one.
    ///
    /// - Throws: `KitError` `E-BASE-001` when there is none, `E-BASE-012` when several could be meant.
    package func chosen(_ name: String?) throws -> BaseRecord {
        if let name { return try find(name) }
        let all = try list()
        for standard in [preferred, KnownBase.all[0].name] {
            if let found = all.first(where: { $0.name == standard }) { return found }
        }
        guard let only = all.first else { throw KitError.noBase("on this machine", known: []) }
        guard all.count == 1 else { throw KitError.severalBases(all.map(\.name)) }
        return only
    }

    /// Makes a base the one that is meant where none is named.
    package func prefer(_ record: BaseRecord) throws {
        do {
            try Data(record.name.utf8).write(to: preference, options: .atomic)
        } catch {
            throw KitError.cannotCopy("the choice of the base", to: folder.path, cause: error)
        }
    }

    private var preference: URL { folder.appending(path: ".default") }

    private var preferred: String? { (try? Data(contentsOf: preference)).map { String(decoding: $0, as: UTF8.self) } }

    /// The base with exactly this identity, whatever its name is here.
    ///
    /// - Throws: `KitError` `E-BASE-002` naming the base that is missing, `E-BASE-013` if the identity tells of other
    ///   shapes than this base has.
    package func find(_ identity: BaseIdentity) throws -> BaseRecord {
        guard let found = try list().first(where: { $0.id == identity.id }) else {
            throw KitError.baseMissing(identity)
        }
        guard found.shape == identity.shape else { throw KitError.otherShape(than: found) }
        return found
    }

    /// Opens the model of a base after checking that its size is still the one that was added.
    package func open(_ record: BaseRecord) throws -> BaseModel {
        guard isThere(record) else { throw KitError.baseChanged(record) }
        let model = try BaseModel(path: record.path)
        guard model.shape == record.shape else { throw KitError.baseChanged(record) }
        return model
    }

    /// What a person has to know of how conversations are written for this base; nil if it is as the file says.
    package func templateRemark(_ record: BaseRecord) throws -> String? { try open(record).templateRemark }

    /// Whether the files of a base are there, with the sizes that they had.
    package func isThere(_ record: BaseRecord) -> Bool {
        record.files.reduce(UInt64(0)) { $0 + Self.size(of: $1) } == record.bytes
    }

    /// The tokens of a text, with what each spells.
    ///
    /// - Parameters:
    ///   - base: nil for the one that is meant where none is named.
    ///   - readsSpecial: whether the spelling of special tokens such as `<|im_end|>` stands for those; else it is text.
    /// - Throws: `KitError` E-BASE-001, E-BASE-012.
    package func tokens(of text: String, base: String?, readsSpecial: Bool) throws -> [(id: Int32, text: String)] {
        let tokenizer = try open(try chosen(base)).tokenizer
        return tokenizer.encode(text, special: readsSpecial ? .parsed : .refused).map { ($0, tokenizer.text(of: $0)) }
    }

    /// Checks the file, copies it into the library and returns its record.
    ///
    /// A base that is already there is returned; if its files are gone or changed, these take their place.
    /// - Parameters:
    ///   - path: A GGUF file, or the first part of a split one.
    ///   - name: nil makes one from the file's name.
    ///   - link: Leaves the file where it is and only remembers it.
    /// - Throws: `ModelError` for a file that is not a usable model, `KitError` `E-BASE-003` when the name is taken.
    package func add(path: String, name: String?, link: Bool = false) throws -> BaseRecord {
        let absolute = URL(filePath: path).standardizedFileURL.path
        let model = try BaseModel(path: absolute)
        try model.requireFinite()
        let sources = model.file.paths
        let id = try BaseDigest.hash(files: sources)
        if let existing = try list().first(where: { $0.id == id }) {
            guard name == nil || name == existing.name else { throw KitError.baseKnownAs(existing) }
            let isWhole = isThere(existing) && (try? BaseDigest.hash(files: existing.files)) == id
            return isWhole
                ? existing : try put(model, from: sources, link: link, as: existing.name, id: id, mends: true)
        }
        let chosen = try Self.validated(name ?? Self.knownName(of: sources) ?? Self.name(from: absolute))
        guard !FileManager.default.fileExists(atPath: folder.appending(path: chosen).path) else {
            throw KitError.baseNameTaken(chosen)
        }
        return try put(model, from: sources, link: link, as: chosen, id: id, mends: false)
    }

    /// Puts a base together beside the others and gives it its name at once.
    ///
    /// - Parameter mends: whether it takes the place of one whose files are gone or changed, which goes to the trash.
    private func put(
        _ model: BaseModel, from sources: [String], link: Bool, as name: String, id: BaseID, mends: Bool
    ) throws -> BaseRecord {
        let target = folder.appending(path: name)
        let stage = try makeStage("adding")
        defer { try? FileManager.default.removeItem(at: stage) }
        var files = sources
        if !link {
            files = try sources.map { source in
                let file = URL(filePath: source).lastPathComponent
                do {
                    try FileManager.default.copyItem(atPath: source, toPath: stage.appending(path: file).path)
                } catch {
                    throw KitError.cannotCopy(source, to: folder.path, cause: error)
                }
                return target.appending(path: file).path
            }
        }
        let record = BaseRecord(
            name: name, id: id, bytes: sources.reduce(0) { $0 + Self.size(of: $1) }, files: files, linked: link,
            added: Date(), shape: model.shape, quantization: Self.quantization(of: model),
            parameters: model.parameterCount, contextLength: model.configuration.contextLength)
        do {
            try JSON.encoder.encode(record).write(to: stage.appending(path: "base.json"))
            if mends { try discard(name) }
            try FileManager.default.moveItem(at: stage, to: target)
        } catch {
            throw KitError.cannotCopy(sources[0], to: folder.path, cause: error)
        }
        return record
    }

    /// Hashes the files again.
    ///
    /// - Throws: `KitError` `E-BASE-004` when they are no longer the ones that were added.
    package func verify(_ record: BaseRecord) throws {
        guard isThere(record), try BaseDigest.hash(files: record.files) == record.id else {
            throw KitError.baseChanged(record)
        }
    }

    /// Takes a base away: its copy goes to a trash folder beside the others, a linked file stays where it is.
    package func remove(_ record: BaseRecord) throws { try discard(record.name) }

    private func discard(_ name: String) throws {
        let trash = folder.appending(path: ".trash")
        try FileManager.default.createDirectory(at: trash, withIntermediateDirectories: true)
        try FileManager.default.moveItem(
            at: folder.appending(path: name), to: trash.appending(path: "\(name)-\(UUID().uuidString.prefix(8))"))
    }

    private func record(named name: String) throws -> BaseRecord? {
        let file = folder.appending(path: name).appending(path: "base.json")
        guard let data = try? Data(contentsOf: file) else { return nil }
        do {
            let record = try JSON.decoder.decode(BaseRecord.self, from: data)
            // Its name becomes a path where it is removed.
            guard record.name == name else { throw KitError.badName(record.name) }
            return record
        } catch {
            throw KitError.baseRecordDamaged(file.path, cause: error)
        }
    }

    private static func size(of path: String) -> UInt64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.uint64Value ?? 0
    }

    /// The type that most of the weights of the blocks have.
    private static func quantization(of model: BaseModel) -> String {
        let types = model.layers.first.map { [$0.query, $0.key, $0.value, $0.output, $0.gate, $0.up, $0.down] } ?? []
        let counts = Dictionary(grouping: types, by: \.type.name).mapValues(\.count)
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "unknown"
    }

    /// The name under which a file can be pulled, where its content is one that can.
    private static func knownName(of files: [String]) throws -> String? {
        guard files.count == 1 else { return nil }
        let bytes = size(of: files[0])
        return try KnownBase.all.first {
            try $0.bytes == bytes && SHA256.hash(file: files[0]).description == $0.sha256
        }?.name
    }

    /// `My Model.Q4_1.gguf` becomes `my-model.q4_1`.
    static func name(from path: String) -> String {
        let file = URL(filePath: path).deletingPathExtension().lastPathComponent.lowercased()
        let mapped = file.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" }
        let trimmed = String(mapped).trimmingCharacters(in: CharacterSet(charactersIn: ".-_"))
        return trimmed.isEmpty ? "base" : String(trimmed.prefix(64))
    }

    static func validated(_ name: String) throws -> String {
        let allowed = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        guard allowed, !name.isEmpty, name.count <= 64, !name.hasPrefix("."), !name.hasPrefix("-") else {
            throw KitError.badName(name)
        }
        return name
    }
}

extension BaseModel {
    /// What a person has to know of how conversations are written for this base; nil if it is as the file says.
    package var templateRemark: String? {
        guard !chatTemplate.isKnown else { return nil }
        return "its chat template is \(chatTemplate.isThere ? "not one that is known" : "missing"): conversations are "
            + "written as lines that begin with User: and Assistant:"
    }
}

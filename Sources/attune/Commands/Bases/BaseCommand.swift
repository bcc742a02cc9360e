// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit
import Foundation

/// `attune base`
struct BaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "base", abstract: "Base models: public files that all adapters share.",
        subcommands: [List.self, Add.self, Pull.self, Show.self, Verify.self, Remove.self, Tokenize.self],
        defaultSubcommand: List.self)

    struct List: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "List the bases of this machine.")
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let library = BaseLibrary(folder: global.paths.bases)
            let bases = try library.list()
            if global.json { return try global.console.print(BaseListing(bases: bases.map(BaseSummary.init))) }
            var table = Table(["NAME", "QUANT", "SIZE", "PARAMS", "CONTEXT", "ID"])
            for base in bases {
                table.add([
                    base.name, base.quantization,
                    library.isThere(base) ? Quantity.text(bytes: base.bytes) : "file gone or changed",
                    Quantity.text(count: base.parameters),
                    String(base.contextLength), base.id.short,
                ])
            }
            global.console.print(table)
            if bases.isEmpty { global.console.note("none yet: attune base pull smollm2") }
        }
    }

    struct Add: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Add a GGUF file.")
        @Argument(help: "A GGUF file, or the first part of a split one.") var file: String
        @Option(help: "What to call it.") var name: String?
        @Flag(help: "Leave the file where it is.") var link = false
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let base = try BaseLibrary(folder: global.paths.bases).add(path: file, name: name, link: link)
            try BaseCommand.report(base, verb: "added", to: global.console)
            if let remark = try BaseLibrary(folder: global.paths.bases).templateRemark(base) {
                global.console.note(remark)
            }
        }
    }

    struct Pull: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Fetch a known base, verified by its SHA-256.")
        @Argument(help: "Its name, such as smollm2.") var name: String = KnownBase.all[0].name
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let console = global.console
            let base = try BaseLibrary(folder: global.paths.bases).pull(name, cache: global.paths.cache) {
                console.note($0)
            }
            try BaseCommand.report(base, verb: "ready", to: console)
        }
    }

    struct Show: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show what is known of a base.")
        @Argument(help: "Its name or the first digits of its id.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let library = BaseLibrary(folder: global.paths.bases)
            let base = try library.find(name)
            if global.json { return try global.console.print(BaseSummary(base)) }
            for (label, value) in base.facts {
                global.console.print(label.padding(toLength: 14, withPad: " ", startingAt: 0) + value)
            }
            if let remark = try library.templateRemark(base) { global.console.note(remark) }
        }
    }

    struct Verify: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Hash a base again and compare.")
        @Argument(help: "Its name; all of them when absent.") var name: String?
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let library = BaseLibrary(folder: global.paths.bases)
            let bases = try name.map { [try library.find($0)] } ?? library.list()
            for base in bases {
                try library.verify(base)
                if !global.json { global.console.print("ok  \(base.name)  \(base.id.short)") }
            }
            if global.json { try global.console.print(BaseListing(bases: bases.map(BaseSummary.init))) }
        }
    }

    struct Remove: AttuneCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Take a base away; its copy goes to the trash of the bases' folder.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let library = BaseLibrary(folder: global.paths.bases)
            let base = try library.find(name)
            if global.canAsk, try !global.console.confirm("Remove base \(base.name)?", standard: false) { return }
            try library.remove(base)
            try BaseCommand.report(base, verb: "removed", to: global.console)
        }
    }

    struct Tokenize: AttuneCommand {
        static let configuration = CommandConfiguration(abstract: "Show the token ids of a text.")
        @Argument(help: "The text.") var text: String
        @Option(help: "The base; the only one when absent.") var base: String?
        @Flag(inversion: .prefixedNo, help: "Read special tokens such as <|im_end|> as such.") var special = true
        @OptionGroup var global: GlobalOptions

        func execute() throws {
            let tokens = try BaseLibrary(folder: global.paths.bases).tokens(
                of: text, base: base, readsSpecial: special)
            if global.json {
                return try global.console.print(Tokens(ids: tokens.map { $0.id }, tokens: tokens.map { $0.text }))
            }
            for token in tokens { global.console.print("\(token.id)\t\(token.text.debugDescription)") }
        }

        private struct Tokens: Encodable {
            let schema = 1
            let ids: [Int32]
            let tokens: [String]
        }
    }

    private struct BaseListing: Encodable {
        let schema = 1
        let bases: [BaseSummary]
    }

    private static func report(_ base: BaseRecord, verb: String, to console: Console) throws {
        if console.json { return try console.print(BaseSummary(base)) }
        console.print(
            "\(base.name) \(verb): \(base.quantization), \(Quantity.text(bytes: base.bytes)), id \(base.id.short)")
    }
}

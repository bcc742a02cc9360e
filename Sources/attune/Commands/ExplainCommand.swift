// Attune
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import AttuneCore
import AttuneKit

/// `attune explain TOPIC`
struct ExplainCommand: AttuneCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explain an error code, or a topic: codes, exit-codes, environment, formats, privacy.")

    enum Topic: String, CaseIterable {
        case codes
        case exitCodes = "exit-codes"
        case environment, formats, privacy
    }

    private struct Code: Encodable {
        let code: String
        let exitCode: Int32
        let meaning: String

        init(_ code: String, _ summary: FailureSummary) {
            self.code = code
            exitCode = summary.exit.rawValue
            meaning = summary.meaning
        }
    }

    @Argument(help: "A code such as E-VAULT-003, or the topic.") var topic: String
    @OptionGroup var global: GlobalOptions

    func execute() throws {
        if let summary = FailureCatalogue.summary(of: topic) { return try explain(topic.uppercased(), summary) }
        guard let topic = Topic(rawValue: topic) else {
            let topics = Topic.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("There is no code or topic \(ShownText.line(topic)); the topics are \(topics).")
        }
        if topic == .codes, global.json {
            return try global.console.print(FailureCatalogue.all.map { Code($0.code, $0.summary) })
        }
        if global.json { return try global.console.print(["topic": topic.rawValue, "text": topic.text]) }
        global.console.say(topic.text)
    }

    private func explain(_ code: String, _ summary: FailureSummary) throws {
        if global.json { return try global.console.print(Code(code, summary)) }
        let ends = ([summary.exit] + summary.others).map { "\($0.rawValue): \($0.meaning)" }
            .joined(separator: ", or ")
        global.console.say(
            """
            \(code): \(summary.meaning)
            A command ends with \(ends)
            """)
    }
}

extension ExplainCommand.Topic {
    var text: String {
        switch self {
        case .codes:
            FailureCatalogue.all.map { "\($0.code)  \($0.summary.exit.rawValue)\t\($0.summary.meaning)" }
                .joined(separator: "\n")
        case .exitCodes: ExitStatus.allCases.map { "\($0.rawValue)\t\($0.meaning)" }.joined(separator: "\n")
        case .environment:
            """
            ATTUNE_STORE         folder of the store, as --store
            ATTUNE_BASES         folder of the base models
            ATTUNE_KEY_FILE      file with the passphrase, as --key-file
            ATTUNE_KEY_COMMAND   command that prints the passphrase, as --key-command
            ATTUNE_KERNELS       portable, openblas, avx2, avx512, avx512bf16 or neon: forces a level
            NO_COLOR             no colours
            XDG_DATA_HOME, XDG_CONFIG_HOME, XDG_CACHE_HOME   where things are kept, see attune paths
            """
        case .formats:
            """
            .md, .txt   one file is one document; every token is trained
            .jsonl      one example a line, each of one of these shapes; .json a list of them
              {"text": "..."}                                       every token is trained
              {"prompt": "...", "completion": "..."}                the completion is trained
              {"messages": [{"role": "user", "content": "..."}, …]} the assistant's turns are trained
              {"conversations": [{"from": "human", "value": "..."}, …]}
              {"instruction": "...", "input": "...", "output": "..."}, {"question": "...", "answer": "..."}
            A message with "weight": 0 or "train": false is read and not trained; "system" may stand beside a list.
            Keys that are not used are named; data that is wrong is refused with its place.
            Look before you train: attune data check PATH, attune data preview PATH
            """
        case .privacy:
            """
            The store is a folder: an encrypted SQLite database, its log while it is in use, sealed chunks beside it.
            Without the passphrase or the 24 recovery words nobody can read documents, adapters, names, chats or runs;
            file sizes and times of change are visible. No single file is a copy of it: attune backup makes one.
            Bases are public files and are not encrypted.
            Nothing is sent anywhere until another device has joined this one. Then adapters, their names and how they were
            trained go to your own devices, sealed for them alone; documents, chats and runs never do.
            A relay between them sees
              who      each device's public keys and addresses, when it is on, what it asks for and fetches
              changes  when devices came, were renamed (not to what) or shut out and by which; renewed keys; when the
                       recovery words were replaced
              entries  how many each device made and when; for each whether it is a new version, a change, a release or
                       a copy for another person; which device, and what it had seen of the others; which entries
                       follow which, so which versions are of one adapter, where they part and are merged; its padded
                       size
              bytes    which chunks belong together, how many there are, who has and who wants them
              pairing  that two devices meet, from where; not the code's words
            and nothing of what is sealed: texts, names, settings, losses, weights. Every field that it can read stands in
            schemas/what-a-relay-sees.md.
            Other users of this machine can read the arguments of a command while it runs: attune ask takes a question from
            standard input too, and secrets are asked for or read from files.
            An adapter can repeat what it learned: whoever can ask it can draw private sentences out of it.
            """
        }
    }
}

extension ExitStatus {
    /// One line of `attune explain exit-codes`.
    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "failed"
        case .partial: "finished in part"
        case .keyRequired: "a passphrase is required and nobody can be asked, or the store is in no circle of devices"
        case .notFound: "not found"
        case .conflict: "conflict with something that is there"
        case .doesNotFit: "does not fit into memory or on the disk"
        case .invalidData: "data invalid"
        case .noStore: "there is no store"
        case .storeLocked: "the store is in use"
        case .wrongKey: "wrong key"
        case .usage: "wrong use of a command"
        case .network: "the network failed, try later"
        case .interrupted: "interrupted; everything is saved"
        case .terminated: "terminated; everything is saved"
        }
    }
}

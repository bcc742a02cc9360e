// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit

/// `attune key show --new-recovery`: new words for the store, and for the circle where its words were the same.
struct NewRecovery {
    let show: KeyCommand.Show

    private var global: GlobalOptions { show.global }
    private var console: Console { show.global.console }

    func run() throws {
        let question =
            show.newCircle
            ? "Leave the circle for a new one of this device alone, which cannot be undone?"
            : "Replace the recovery words?"
        if global.canAsk, try !console.confirm(question, standard: false) { return }
        let workspace = try global.open(.writing)
        let areOfCircle = try workspace.wordsAreOfCircle()
        // An agreement is to the end of the circle's words, so who gives one means those.
        let isForCircle =
            show.circle || show.newCircle || areOfCircle || show.confirmation != nil || show.wordsFile != nil
        // Before anybody has written down words that the circle does not take.
        if isForCircle, !show.newCircle { try Waiting.run { try await workspace.requireMembership() } }
        let agreement = isForCircle && !show.newCircle ? try agreement(workspace) : nil
        workspace.yieldStore()  // a person may take long to write them down
        let words = NewWords()
        try RecoveryDialogue(console: console, asks: global.canAsk).show(
            words.list, notice: "They count once you have typed three of them here; until then nothing has changed.")
        guard isForCircle else {
            try workspace.replaceWords(with: words)
            return try finish(workspace, isInCircle: workspace.wordsNeedAgreement())
        }
        let paper = try workspace.beginNewWords(words)
        let isPublished: Bool
        do {
            if show.newCircle {
                try workspace.beginAnew(paper, otherName: Workspace.machineName)
                isPublished = true
            } else {
                isPublished = try Waiting.run { try await workspace.adoptWords(paper, agreement: agreement) }
            }
        } catch {
            console.note(
                "Keep both: this store opens with the earlier words and with the new ones, and it is not certain which of "
                    + "them the circle has. It ends with attune key show --new-recovery once more.")
            throw error
        }
        try workspace.endEarlierWords()
        try finish(workspace, isPublished: isPublished)
    }

    /// The earlier words, or what a second device wrote; nil if the circle has no words.
    private func agreement(_ workspace: Workspace) throws -> SecondConfirmation? {
        guard try workspace.wordsNeedAgreement() else { return nil }
        let agreement: SecondConfirmation
        if let confirmation = show.confirmation {
            agreement = try SecondConfirmation.read(confirmation)
        } else {
            guard show.wordsFile != nil || global.canPrompt else { throw KitError.wordsNeedAgreement }
            if show.wordsFile == nil {
                console.note("The earlier words end with their own agreement; if they are lost: Ctrl-C, then")
                console.note("attune key show --help says what another device, or a new circle, can do instead.")
            }
            agreement = try SecondConfirmation.read(words: global.recoveryWords(file: show.wordsFile))
        }
        try workspace.checkAgreement(agreement)
        return agreement
    }

    private func finish(_ workspace: Workspace, isInCircle: Bool) throws {
        KeyCommand.noteBackups("words", on: console)
        try global.done("new recovery words open this store; the earlier ones no longer do")
        guard isInCircle else { return }
        console.note(
            "the recovery words of the circle are others, and stay: to replace them too, "
                + "attune key show --new-recovery --circle")
    }

    private func finish(_ workspace: Workspace, isPublished: Bool) throws {
        KeyCommand.noteBackups("words", on: console)
        if show.newCircle {
            try global.done("new recovery words are set, in a new circle of this device alone")
            return console.note(
                "Other devices are in the circle that was, whose relay keeps what it has, for whoever has its words. "
                    + "Each of them can come: there attune key show --new-recovery --new-circle, here attune devices add "
                    + "--relay URL, and there attune devices join --relay URL. People need your new card: attune people "
                    + "card FILE")
        }
        let isAlone = try workspace.devices().count { $0.state == .active && !$0.isPaper } == 1
        let isSent = try isPublished || workspace.relay() == nil && isAlone
        try global.done(
            isSent
                ? "new recovery words are set; the earlier ones open nothing that is made from now on"
                : "new recovery words are set here; the relay and the other devices learn of it at the next attune sync "
                    + "now, and until then the earlier ones still read what other devices send")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import CSodium
import Testing

@testable import AttuneCrypto

@Suite struct CPaceTests {
    struct Vectors: Decodable {
        struct Refused: Decodable {
            let scalar: HexBytes
            let points: [HexBytes]
        }
        let password, context, sessionID, generator, ya, shareA, dataA, yb, shareB, dataB, product, key: HexBytes
        let generatorStringCount: Int
        let refused: Refused

        /// The draft's own names.
        enum CodingKeys: String, CodingKey {
            case password, context, sessionID, generator, ya, yb, generatorStringCount, refused
            case shareA = "Ya"
            case dataA = "ADa"
            case shareB = "Yb"
            case dataB = "ADb"
            case product = "K"
            case key = "ISK"
        }
    }

    let vectors: Vectors
    init() throws { vectors = try SchemaVectors.load("cpace") }

    private func side(_ role: CPace.Role, password: [UInt8]? = nil, data: [UInt8]? = nil, scalar: HexBytes? = nil)
        -> CPace
    {
        let initiator = role == .initiator
        return CPace(
            role: role, password: password ?? vectors.password.bytes, context: vectors.context.bytes,
            sessionID: vectors.sessionID.bytes,
            associatedData: data ?? (initiator ? vectors.dataA : vectors.dataB).bytes,
            scalar: (scalar ?? (initiator ? vectors.ya : vectors.yb)).secret)
    }

    @Test func theDraftsVectorsAreReproduced() throws {
        let text = CPace.generatorString(
            password: vectors.password.bytes, context: vectors.context.bytes, sessionID: vectors.sessionID.bytes)
        #expect(text.count == vectors.generatorStringCount)
        #expect(
            CPace.generator(
                password: vectors.password.bytes, context: vectors.context.bytes, sessionID: vectors.sessionID.bytes)
                == vectors.generator.bytes)
        let a = side(.initiator)
        let b = side(.responder)
        #expect(a.share == vectors.shareA.bytes)
        #expect(b.share == vectors.shareB.bytes)
        let product = CPace.product(vectors.ya.secret, vectors.shareB.bytes)?.exposed
        #expect(product == vectors.product.bytes)
        let one = try a.finish(share: vectors.shareB.bytes, associatedData: vectors.dataB.bytes)
        let other = try b.finish(share: vectors.shareA.bytes, associatedData: vectors.dataA.bytes)
        #expect(one.key.exposed == vectors.key.bytes)
        #expect(other.key.exposed == vectors.key.bytes)
    }

    @Test func invalidPointsAreRefused() throws {
        for point in vectors.refused.points {
            let product = CPace.product(vectors.refused.scalar.secret, point.bytes)?.exposed
            #expect(product == nil)
            #expect(
                errorCode {
                    _ = try side(.initiator, scalar: vectors.refused.scalar)
                        .finish(share: point.bytes, associatedData: [])
                } == "E-CODE-003")
        }
        for count in [0, 31, 33, 1000] {
            let share = [UInt8](repeating: 7, count: count)
            #expect(errorCode { _ = try side(.initiator).finish(share: share, associatedData: []) } == "E-CODE-003")
        }
    }

    @Test func aShareSentBackToItsSenderIsRefused() {
        #expect(
            errorCode {
                _ = try side(.initiator).finish(share: vectors.shareA.bytes, associatedData: vectors.dataA.bytes)
            }
                == "E-CODE-003")
    }

    private func fresh(_ role: CPace.Role, _ password: String, session: [UInt8] = [1], context: [UInt8] = [2]) -> CPace
    {
        CPace(
            role: role, password: Array(password.utf8), context: context, sessionID: session,
            associatedData: [role.rawValue])
    }

    @Test func theSamePasswordGivesAChannelBothWaysAndTheSameCheckWords() throws {
        let a = fresh(.initiator, "otter-lamp-cedar")
        let b = fresh(.responder, "otter-lamp-cedar")
        let (shareA, shareB) = (a.share, b.share)
        let one = try a.finish(share: shareB, associatedData: [2])
        let other = try b.finish(share: shareA, associatedData: [1])
        let (tagA, tagB) = (one.confirmation, other.confirmation)
        #expect(tagA != tagB)
        let (old, new) = (try one.confirm(tagB), try other.confirm(tagA))
        #expect(old.checkWords == new.checkWords)
        #expect(old.checkWords.words.count == 3)
        let message = Array("hello".utf8)
        let sealed = old.seal(message, phase: 4)
        #expect(try new.open(sealed, phase: 4) == message)
        #expect(try old.open(new.seal([], phase: 5), phase: 5) == [])
        #expect(errorCode { _ = try new.open(sealed, phase: 5) } == "E-CODE-005")
        #expect(errorCode { _ = try old.open(sealed, phase: 4) } == "E-CODE-005")
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(errorCode { _ = try new.open(changed, phase: 4) } == "E-CODE-005")
            #expect(errorCode { _ = try new.open(Array(sealed[..<place]), phase: 4) } == "E-CODE-005")
        }
    }

    @Test func anyDifferenceFailsAtTheConfirmationOnBothSides() throws {
        func fails(_ b: CPace, seenByA: [UInt8] = [2], seenByB: [UInt8] = [1]) throws {
            let a = fresh(.initiator, "otter-lamp-cedar")
            let (shareA, shareB) = (a.share, b.share)
            let one = try a.finish(share: shareB, associatedData: seenByA)
            let other = try b.finish(share: shareA, associatedData: seenByB)
            let (tagA, tagB) = (one.confirmation, other.confirmation)
            #expect(errorCode { _ = try one.confirm(tagB) } == "E-CODE-004")
            #expect(errorCode { _ = try other.confirm(tagA) } == "E-CODE-004")
        }
        try fails(fresh(.responder, "otter-lamp-cello"))
        try fails(fresh(.responder, "otter-lamp-cedar", session: [9]))
        try fails(fresh(.responder, "otter-lamp-cedar", context: [9]))
        try fails(fresh(.initiator, "otter-lamp-cedar"))
        try fails(fresh(.responder, "otter-lamp-cedar"), seenByA: [9])
        try fails(fresh(.responder, "otter-lamp-cedar"), seenByB: [9])
    }

    @Test func aConfirmationSentBackOrCutIsRefused() throws {
        for change in 0..<3 {
            let a = fresh(.initiator, "x")
            let b = fresh(.responder, "x")
            let shareB = b.share
            let session = try a.finish(share: shareB, associatedData: [2])
            let tag = change == 0 ? session.confirmation : [UInt8](repeating: 0, count: change == 1 ? 0 : 63)
            #expect(errorCode { _ = try session.confirm(tag) } == "E-CODE-004")
        }
    }
}

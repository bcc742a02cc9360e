// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneTestSupport
import CSealedVFS
import Foundation
import GRDB
import Testing

@Suite struct SealedVFSPageTests {
    struct Vectors: Decodable {
        struct Page: Decodable {
            let start: String
            let tag: String
            let blake2b256: String
        }
        struct Mask: Decodable {
            let sum: String
            let salt: String
            let frameOffset: UInt64
            let masked: String
        }
        let rootKey: String
        let databaseID: String
        let pageKey: String
        let sumKey: String
        let nonce: String
        let page2Database: Page
        let page2Log: Page
        let emptyPage1: Page
        let mask: Mask
    }

    let vectors: Vectors
    let id: [UInt8]
    let nonce: [UInt8]
    let pageKey: [UInt8]
    let sumKey: [UInt8]

    init() throws {
        try #require(sealed_vfs_register() == 0)
        vectors = try SchemaVectors.load("sealed-page")
        id = try #require(Hex.decode(vectors.databaseID))
        nonce = try #require(Hex.decode(vectors.nonce))
        var page = [UInt8](repeating: 0, count: 32)
        var sum = [UInt8](repeating: 0, count: 16)
        let rootKey = try #require(Hex.decode(vectors.rootKey))
        sealed_page_keys(rootKey, id, &page, &sum)
        pageKey = page
        sumKey = sum
    }

    private func seal(_ page: [UInt8], kind: Int, number: UInt32) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 4096)
        sealed_page_seal(pageKey, id, Int32(kind), number, nonce, page, &out)
        return out
    }

    private func open(_ sealed: [UInt8], kind: Int, number: UInt32) -> [UInt8]? {
        var out = [UInt8](repeating: 0xff, count: 4096)
        guard sealed_page_open(pageKey, id, Int32(kind), number, sealed, &out) == 0 else {
            #expect(out.allSatisfy { $0 == 0 })
            return nil
        }
        return out
    }

    private static let content = [UInt8](repeating: 0x5a, count: 4056) + [UInt8](repeating: 0, count: 40)

    @Test func keysAgreeWithTheVectors() {
        #expect(Hex.encode(pageKey) == vectors.pageKey)
        #expect(Hex.encode(sumKey) == vectors.sumKey)
    }

    @Test func pagesAgreeWithTheVectorsAndOpenAgain() {
        for (kind, expected) in [(0, vectors.page2Database), (1, vectors.page2Log)] {
            let sealed = seal(Self.content, kind: kind, number: 2)
            #expect(Hex.encode(sealed[..<16]) == expected.start)
            #expect(Hex.encode(sealed[4056..<4080]) == vectors.nonce)
            #expect(Hex.encode(sealed.suffix(16)) == expected.tag)
            #expect(open(sealed, kind: kind, number: 2) == Self.content)
            #expect(open(sealed, kind: 1 - kind, number: 2) == nil)
            #expect(open(sealed, kind: kind, number: 3) == nil)
        }
    }

    @Test func theFirstPageOfANewDatabaseAgreesWithTheVector() throws {
        let database = try SealedDatabase()
        let bytes = try database.bytes(of: database.path)
        var page = [UInt8](repeating: 0, count: 32)
        var sum = [UInt8](repeating: 0, count: 16)
        var logical = [UInt8](repeating: 0, count: 4096)
        sealed_page_keys(SealedDatabase.key, Array(bytes[8..<16]), &page, &sum)
        #expect(sealed_page_open(page, Array(bytes[8..<16]), 0, 1, bytes, &logical) == 0)
        let sealed = seal(logical, kind: 0, number: 1)
        #expect(Hex.encode(sealed[..<32]) == vectors.emptyPage1.start)
        #expect(Hex.encode(sealed.suffix(16)) == vectors.emptyPage1.tag)
    }

    @Test func everyBitOfAPageCounts() {
        for number: UInt32 in [1, 2] {
            let sealed = seal(Self.content, kind: 0, number: number)
            let opened = stride(from: 0, to: 4096 * 8, by: 7).filter { bit in
                var changed = sealed
                changed[bit / 8] ^= 1 << (bit % 8)
                return open(changed, kind: 0, number: number) != nil
            }
            #expect(opened == [], "page \(number)")
        }
    }

    @Test func pagesOfZerosAreRefused() {
        #expect(open([UInt8](repeating: 0, count: 4096), kind: 0, number: 2) == nil)
    }

    @Test func theMaskAgreesWithTheVectorAndIsUndone() throws {
        var sum = try #require(Hex.decode(vectors.mask.sum))
        let salt = try #require(Hex.decode(vectors.mask.salt))
        sealed_sum_mask(sumKey, &sum, salt, vectors.mask.frameOffset, 0)
        #expect(Hex.encode(sum) == vectors.mask.masked)
        sealed_sum_mask(sumKey, &sum, salt, vectors.mask.frameOffset, 1)
        #expect(Hex.encode(sum) == vectors.mask.sum)
    }
}

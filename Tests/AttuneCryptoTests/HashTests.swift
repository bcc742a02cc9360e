// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneCrypto
import AttuneTestSupport
import Testing

@Suite struct HashTests {
    // RFC 7693 names BLAKE2b-512; the 256-bit values and SHA-256 are from Python's hashlib.
    @Test func emptyAndShortInputsAgreeWithPublishedDigests() {
        #expect(
            BLAKE2b.hash([]).description == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
        #expect(
            BLAKE2b.hash(Array("abc".utf8)).description
                == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
        #expect(
            SHA256.hash(Array("abc".utf8)).description
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func piecesFilesAndKeysAgreeWithOneRun() throws {
        let bytes = SchemaVectors.content(2_500_001)
        var state = BLAKE2b.Incremental()
        state.update(Array(bytes[..<7]))
        state.update([])
        state.update(Array(bytes[7...]))
        let whole = BLAKE2b.hash(bytes)
        #expect(state.finish() == whole)
        let folder = try TemporaryDirectory()
        let path = try folder.write(bytes, to: "data")
        #expect(try BLAKE2b.hash(file: path) == whole)
        #expect(try SHA256.hash(file: path) == SHA256.hash(bytes))
        #expect(BLAKE2b.hash(bytes, key: SecretBytes(count: 32)) != whole)
        #expect(errorCode { _ = try BLAKE2b.hash(file: folder.path + "/none") } == "E-FILE-003")
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneWire
import Foundation
import Testing

@Suite struct SignedRequestTests {
    let device = TestDevice(1)
    let nonce = [UInt8](repeating: 0xfe, count: 16)

    private func fields(body: [UInt8] = [1, 2, 3]) throws -> [String: String] {
        let made = try RequestSignature(created: 1000, nonce: nonce, device: device.id).fields(
            method: "POST", authority: "Relay.example", path: "/v1/x", query: "a=1", body: body, sign: device.sign)
        return Dictionary(uniqueKeysWithValues: made.map { ($0.name.lowercased(), $0.value) })
    }

    private func code(
        _ fields: [String: String], method: String = "POST", authority: String = "relay.example",
        path: String = "/v1/x", query: String? = "a=1", body: [UInt8] = [1, 2, 3]
    ) -> String? {
        errorCode {
            let request = try SignedRequest(fields: { fields[$0] })
            try request.verify(
                method: method, authority: authority, path: path, query: query, signingKey: device.publicKey)
            try request.check(body: body)
        }
    }

    @Test func aSignedRequestIsTakenAndTellsWhoAndWhen() throws {
        let fields = try fields()
        #expect(code(fields) == nil)
        let request = try SignedRequest(fields: { fields[$0] })
        #expect(request.device == device.id)
        #expect(request.created == 1000)
        #expect(request.nonce == nonce)
        #expect(request.isTimely(at: 1300))
        #expect(request.isTimely(at: 700))
        #expect(!request.isTimely(at: 1301))
        #expect(!request.isTimely(at: 699))
        #expect(!request.isTimely(at: .max))
    }

    @Test func theSignatureBaseIsThatOfRFC9421() throws {
        let base = RequestSignature.base(
            method: "GET", authority: "relay.example", path: "/v1/info", query: nil, contentDigest: "d", parameters: "p"
        )
        #expect(
            String(decoding: base, as: UTF8.self) == """
                "@method": GET
                "@authority": relay.example
                "@path": /v1/info
                "@query": ?
                "content-digest": d
                "@signature-params": p
                """)
    }

    @Test func everyPartOfTheRequestIsSigned() throws {
        let fields = try fields()
        #expect(code(fields, method: "PUT") == "E-WIRE-022")
        #expect(code(fields, authority: "other.example") == "E-WIRE-022")
        #expect(code(fields, path: "/v1/y") == "E-WIRE-022")
        #expect(code(fields, query: "a=2") == "E-WIRE-022")
        #expect(code(fields, query: nil) == "E-WIRE-022")
        #expect(code(fields, body: [1, 2]) == "E-WIRE-021")
        // A line feed would let one component pretend to be another.
        #expect(code(fields, path: "/v1/x\n\"@query\": ?a=1") == "E-WIRE-022")
        for key in fields.keys {
            var missing = fields
            missing[key] = nil
            #expect(code(missing) == "E-WIRE-020")
        }
    }

    @Test func noCharacterOfTheFieldsCanBeChanged() throws {
        let fields = try fields()
        for (key, value) in fields {
            for place in value.indices {
                var changed = value
                changed.replaceSubrange(place...place, with: value[place] == "A" ? "B" : "A")
                var other = fields
                other[key] = changed
                #expect(code(other)?.hasPrefix("E-WIRE-02") == true)
                other[key] = String(value[..<place])
                #expect(code(other)?.hasPrefix("E-WIRE-02") == true)
            }
        }
    }

    @Test func otherLabelsAndDigestsMayStandBesideOurs() throws {
        var fields = try fields()
        fields["signature-input"] = "proxy=(\"date\");note=\"a, b\", " + (fields["signature-input"] ?? "")
        fields["signature"] = (fields["signature"] ?? "") + ", proxy=:AAAA:"
        #expect(code(fields) == nil)
        fields["signature"] = (fields["signature"] ?? "") + ", attune=:AAAA:"
        #expect(code(fields) == "E-WIRE-020")
    }

    @Test func strangeAndEndlessFieldsAreRefused() throws {
        let good = try fields()
        for input in [
            "", "attune", "attune=", "attune=()", "attune=(\"@method\")",
            "attune=" + String(repeating: "(", count: 1000),
            "attune=\u{e9}", String(repeating: "a=b, ", count: 10_000), "attune=\"", ";;;;", "attune=();created=",
        ] {
            for key in good.keys {
                var fields = good
                fields[key] = input
                #expect(code(fields) == "E-WIRE-020")
            }
        }
        let wrong: [(String, String)] = [
            ("created=1000", "created=-1"), ("created=1000", "created=99999999999999999999999"),
            ("created=1000", "created=\"1000\";created=1000"), ("tag=\"attune-v1\"", "tag=\"attune-v2\""),
            ("alg=\"ed25519\"", "alg=\"hmac-sha256\""), (";alg=\"ed25519\"", ""), ("keyid=\"", "keyid=\"0"),
            ("\"@query\" ", ""), ("\"@query\" ", "\"@query\";req "), (";tag", ";expires=1;tag"),
        ]
        for (from, to) in wrong {
            var fields = good
            fields["signature-input"] = fields["signature-input"]?.replacing(from, with: to)
            #expect(fields != good)
            #expect(code(fields) == "E-WIRE-020")
        }
    }
}

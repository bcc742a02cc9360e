// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import Testing

@Suite struct JSONTests {
    @Test func numbersKeepTheirText() throws {
        let text = "{\"a\":1,\"b\":1.0,\"c\":-0.5e-10,\"d\":[true,false,null]}"
        #expect(JSONWriter.compact(try JSONReader.read(text)) == text)
    }

    @Test func indentedTextIsThatOfPython() throws {
        let value = try JSONReader.read(#"{"b":{},"a":["é\n",1],"c":{"x":"😀"},"d":[]}"#)
        let expected = #"""
            {
              "a": [
                "\u00e9\n",
                1
              ],
              "b": {},
              "c": {
                "x": "\ud83d\ude00"
              },
              "d": []
            }
            """#
        #expect(JSONWriter.indented(value) == expected)
        #expect(try JSONReader.read(expected)["c"]?["x"]?.text == "😀")
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "-", "+1", "1e", "nul", "\"\u{1}\"", #""\x""#, #""\ud800""#,
        #""\udc00""#, #""\ud800\u0041""#, "1 2", "{a:1}", "[1 2]", "NaN", "{\"a\" 1}", "\"", #""\u12"#,
    ])
    func invalidTextIsRefused(text: String) {
        #expect(throws: AdapterError.self) { try JSONReader.read(text) }
    }

    @Test func depthAndCountAreLimited() {
        #expect(throws: AdapterError.self) { try JSONReader.read(String(repeating: "[", count: 1_000_000)) }
        let many = "[" + Array(repeating: "1", count: 2000).joined(separator: ",") + "]"
        #expect(throws: AdapterError.self) {
            try Array(many.utf8).withUnsafeBytes { try JSONReader.read($0, maximumValues: 1000) }
        }
    }

    @Test func invalidUTF8IsRefused() {
        #expect(throws: AdapterError.self) { try JSONReader.read([34, 0xC3, 34]) }
    }
}

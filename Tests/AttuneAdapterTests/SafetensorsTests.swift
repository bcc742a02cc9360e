// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneAdapter
import AttuneCore
import AttuneTestSupport
import Foundation
import Testing

@Suite struct SafetensorsTests {
    private func read(_ bytes: [UInt8]) throws -> SafetensorsFile {
        try bytes.withUnsafeBytes { try SafetensorsFile($0) }
    }

    private func convert(_ bytes: [UInt8], _ name: String) throws -> [Float] {
        try bytes.withUnsafeBytes { raw in
            let file = try SafetensorsFile(raw)
            let entry = try #require(file[name])
            var values = [Float](repeating: .nan, count: entry.count)
            try values.withUnsafeMutableBufferPointer { try SafetensorsFile.convert(entry, of: raw, into: $0) }
            return values
        }
    }

    private func one(_ fields: String, data: Int) -> [UInt8] {
        Sample.safetensors("{\"x\":{\(fields)}}", dataBytes: data)
    }

    @Test func writtenFilesReadBackWithPaddedHeader() throws {
        var writer = SafetensorsWriter(metadata: [("format", "pt")])
        writer.add("b", shape: [2, 1], [3, 4])
        writer.add("a", shape: [], [1.5])
        let bytes = writer.bytes()
        #expect(bytes[0] % 8 == 0)
        let file = try read(bytes)
        #expect(file.entries.map(\.name) == ["a", "b"])
        #expect(file.metadata.map(\.value) == ["pt"])
        #expect(try convert(bytes, "a") == [1.5])
        #expect(try convert(bytes, "b") == [3, 4])
    }

    @Test func filesOfPEFTAreWrittenBackToTheSameBytes() throws {
        let url = TestBase.vectors.appending(path: "peft_adapter/adapter_model.safetensors")
        let bytes = Array(try Data(contentsOf: url))
        let file = try read(bytes)
        #expect(file.entries.count == 420)
        var writer = SafetensorsWriter(metadata: file.metadata)
        for entry in file.entries { writer.add(entry.name, shape: entry.shape, try convert(bytes, entry.name)) }
        #expect(writer.bytes() == bytes)
    }

    @Test func everyFloatTypeIsConverted() throws {
        let header = """
            {"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"q":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]},\
            "d":{"dtype":"F64","shape":[1],"data_offsets":[10,18]}}
            """
        var writer = ByteWriter()
        writer.littleEndian(UInt64(header.utf8.count))
        writer.append(header)
        for bits: UInt16 in [0x3C00, 0xC000, 0x0001, 0x7BFF] { writer.littleEndian(bits) }
        writer.littleEndian(UInt16(0x4049))
        writer.littleEndian((0.1).bitPattern)
        #expect(try convert(writer.bytes, "h") == [1, -2, 0x1p-24, 65504])
        #expect(try convert(writer.bytes, "q") == [3.140625])
        #expect(try convert(writer.bytes, "d") == [0.1])
    }

    @Test func numbersThatAreNotFiniteAreRefused() throws {
        for (type, size, bits) in [("F32", 4, UInt64(0x7FC0_0000)), ("F16", 2, 0x7C00), ("BF16", 2, 0xFF80)] {
            var bytes = one("\"dtype\":\"\(type)\",\"shape\":[1],\"data_offsets\":[0,\(size)]", data: size)
            for place in 0..<size { bytes[bytes.count - size + place] = UInt8(truncatingIfNeeded: bits >> (8 * place)) }
            #expect(throws: AdapterError.self) { try convert(bytes, "x") }
        }
        // Too large for Float, though finite as Double.
        var bytes = one("\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]", data: 8)
        for place in 0..<8 {
            bytes[bytes.count - 8 + place] = UInt8(truncatingIfNeeded: (1e300).bitPattern >> (8 * place))
        }
        #expect(throws: AdapterError.self) { try convert(bytes, "x") }
        #expect(throws: AdapterError.self) {
            try convert(one("\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]", data: 4), "x")
        }
    }

    @Test func everyTruncationIsRefused() throws {
        var writer = SafetensorsWriter()
        writer.add("x", shape: [3], [1, 2, 3])
        let bytes = writer.bytes()
        for count in 0..<bytes.count { #expect(throws: AdapterError.self) { try read(Array(bytes[..<count])) } }
        #expect(throws: AdapterError.self) { try read(bytes + [0]) }
    }

    @Test(arguments: [
        ("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]", 8),
        ("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]", 8),
        ("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]", 8),
        ("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]", 4),
        ("\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]", 4),
        ("\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]", 0),
        ("\"dtype\":\"F32\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]", 0),
        ("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]", 4),
        ("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551616]", 4),
        ("\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]", 4),
        ("\"dtype\":\"F32\",\"shape\":[1]", 4),
        ("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]", 4),
    ])
    func impossibleEntriesAreRefused(fields: String, data: Int) {
        #expect(throws: AdapterError.self) { try read(one(fields, data: data)) }
    }

    @Test(arguments: [
        "", "[]", "{", "{\"x\":1}", "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":[]}", "{}}", " {}",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
    ])
    func impossibleHeadersAreRefused(header: String) {
        #expect(throws: AdapterError.self) { try read(Sample.safetensors(header, dataBytes: 0)) }
    }

    @Test func overlapsAndHolesAreRefused() {
        func two(_ first: String, _ second: String) -> [UInt8] {
            Sample.safetensors(
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(first)},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\(second)}}",
                dataBytes: 12)
        }
        #expect(throws: AdapterError.self) { try read(two("[0,4]", "[8,12]")) }
        #expect(throws: AdapterError.self) { try read(two("[0,4]", "[0,4]")) }
    }

    @Test func hugeHeaderLengthsAreRefusedWithoutAllocation() {
        for length in [UInt64.max, 1 << 63, 100_000_001, 9] {
            var writer = ByteWriter()
            writer.littleEndian(length)
            writer.append("{}      ")
            #expect(throws: AdapterError.self) { try read(writer.bytes) }
        }
    }

    @Test func damagedBytesNeverTrap() throws {
        var writer = SafetensorsWriter(metadata: [("format", "pt")])
        writer.add("x", shape: [3], [1, 2, 3])
        writer.add("y", shape: [2, 2], [1, 2, 3, 4])
        let bytes = writer.bytes()
        var state: UInt64 = 1
        for _ in 0..<4000 {
            var copy = bytes
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                copy[Int(state >> 33) % copy.count] = UInt8(truncatingIfNeeded: state >> 25)
            }
            _ = try? read(copy)
        }
    }
}

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import AttuneKit
import AttuneTestSupport
import Foundation
import Testing

/// The folder of base models.
@Suite struct BaseLibraryTests {
    @Test func aBaseIsKnownByNameAndByItsFirstDigits() throws {
        let folder = try TemporaryDirectory()
        let library = BaseLibrary(folder: URL(filePath: folder.path + "/bases"))
        let file = try KitStore.model(seed: 1).write(to: folder, name: "My Model.Q8.gguf")
        let base = try library.add(path: file, name: nil)
        #expect(base.name == "my-model.q8")
        #expect(try library.find(base.name).id == base.id)
        #expect(try library.find(String(base.id.description.prefix(8))).id == base.id)
        #expect(code { _ = try library.find(String(base.id.description.prefix(7))) } == "E-BASE-001")
        #expect(try library.add(path: file, name: nil).name == base.name)
        #expect(code { _ = try library.add(path: file, name: "second") } == "E-BASE-005")
        #expect(code { _ = try library.add(path: file, name: "../up") } == "E-BASE-005")
        try library.verify(base)
        try library.remove(base)
        #expect(try library.list().isEmpty)
    }

    @Test func namesThatLeaveTheFolderAreRefused() throws {
        let folder = try TemporaryDirectory()
        let library = BaseLibrary(folder: URL(filePath: folder.path + "/bases"))
        let file = try KitStore.model(seed: 1).write(to: folder)
        for name in ["../up", "a/b", ".hidden", "", "-flag", String(repeating: "x", count: 65)] {
            #expect(code { _ = try library.add(path: file, name: name) } == "E-NAME-001", "\(name)")
        }
        #expect(try library.list().isEmpty)
    }

    @Test func whatAKilledProcessWasAddingIsTakenAway() throws {
        let folder = try TemporaryDirectory()
        let library = BaseLibrary(folder: URL(filePath: folder.path + "/bases"))
        // No process has the number 0x3FFFFFFF: Linux allows 4194304 at most.
        try folder.write("half", to: "bases/.adding-1073741823-abc/half.gguf")
        try folder.write("half", to: "bases/.pulling-1073741823-abc/half.gguf")
        try folder.write("at work", to: "bases/.adding-\(getppid())-abc/half.gguf")
        _ = try library.add(path: try KitStore.model(seed: 1).write(to: folder), name: "tiny")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/bases").sorted()
        #expect(names == [".adding-\(getppid())-abc", "tiny"])
    }

    @Test func aBaseWhoseFileIsGoneIsMendedByAddingItAgain() throws {
        let folder = try TemporaryDirectory()
        let library = BaseLibrary(folder: URL(filePath: folder.path + "/bases"))
        let file = try KitStore.model(seed: 1).write(to: folder)
        let base = try library.add(path: file, name: "tiny")
        for harm in ["gone", "cut", "changed"] {
            switch harm {
            case "gone": try FileManager.default.removeItem(atPath: base.path)
            case "cut": try Data(contentsOf: URL(filePath: base.path)).dropLast().write(to: URL(filePath: base.path))
            default:
                var bytes = try Data(contentsOf: URL(filePath: base.path))
                bytes[bytes.count - 1] ^= 1
                try bytes.write(to: URL(filePath: base.path))
            }
            #expect(library.isThere(base) == (harm == "changed"), "\(harm)")
            #expect(code { try library.verify(base) } == "E-BASE-004", "\(harm)")
            #expect(try library.add(path: file, name: nil).name == "tiny", "\(harm)")
            try library.verify(base)
            _ = try library.open(base)
        }
        #expect(try library.list().map(\.name) == ["tiny"])
    }

    @Test func aFileThatWasChangedIsNoticed() throws {
        let folder = try TemporaryDirectory()
        let library = BaseLibrary(folder: URL(filePath: folder.path + "/bases"))
        let base = try library.add(path: try KitStore.model(seed: 1).write(to: folder), name: "tiny", link: true)
        #expect(base.linked)
        var bytes = try Data(contentsOf: URL(filePath: base.path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(filePath: base.path))
        #expect(code { try library.verify(base) } == "E-BASE-004")
        try bytes.dropLast().write(to: URL(filePath: base.path))
        #expect(code { _ = try library.open(base) } == "E-BASE-004")
    }
}

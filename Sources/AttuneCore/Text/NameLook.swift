// Attune
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a name looks like: equal for names that a person takes for each other.
///
/// The idea is that of skeletons in Unicode Technical Standard 39. Letters of other scripts stand for the Latin ones
/// that they are drawn as, wide and ornate ones for the plain ones, and letters with marks for those without.
package struct NameLook: Hashable, Sendable {
    private let skeleton: String

    /// The look of a text.
    package init(_ text: String) {
        var skeleton = String.UnicodeScalarView()
        let isPlain = text.utf8.allSatisfy { $0 < 0x80 }
        let letters = isPlain ? text : text.decomposedStringWithCompatibilityMapping
        for scalar in letters.unicodeScalars where !Self.isMark(scalar) {
            if let known = Self.prototypes[scalar] { skeleton += known } else { skeleton.append(scalar) }
        }
        self.skeleton = String(skeleton)
    }

    /// Marks above, below and through letters, which are easily overlooked; not vowels of scripts that write them so.
    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x300...0x36F, 0x483...0x489, 0x591...0x5BD, 0x64B...0x65F, 0x1AB0...0x1AFF, 0x1DC0...0x1DFF,
            0x20D0...0x20FF, 0xFE20...0xFE2F:
            true
        default: false
        }
    }

    /// What a letter is drawn as.
    private static let prototypes: [Unicode.Scalar: String.UnicodeScalarView] = {
        var known: [Unicode.Scalar: String.UnicodeScalarView] = [:]
        for entry in table.split(whereSeparator: { $0 == ";" || $0 == "\n" }) {
            let words = entry.split(separator: " ")
            for code in words.dropFirst() {
                guard let scalar = UInt32(code, radix: 16).flatMap({ Unicode.Scalar($0) }) else { continue }
                known[scalar] = String(words[0]).unicodeScalars
            }
        }
        return known
    }()

    /// What is drawn, and the code points that are drawn so: letters, digits and hyphens of scripts in use. An `m` is
    /// not `rn`, as two cells of a terminal are not one.
    private static let table = """
        ' 2b9 2bb 2bc 2bd 2be 2c8 2ca 2cb 2f4 55a 55d 5d9 5f3 7f4 7f5 144a 2018 2019 201b 2032 2035 a78c;'B 181
        'D 18a;'P 1a4;'T 1ac;'Y 1b3;- 2d7 6d4 2010 2012 2013 2043 2212 2238 2796 2a29 2a2a 2cba 2e1a
        . 660 6f0 701 702 a4f8 a60e 10a50;2 1a7 1bb 3e8 14bf a644 a6ef a75a
        3 1b7 21c 25c 417 437 498 499 4e0 1d08 2ccc a76a a7ab;4 13ce;5 1bc;6 431 13ee 2cd2;7 104d2
        8 222 223 9ea a6a 1e8cb;9 9ed a67 b68 d6d 2cca a76e;A 391 410 13aa 15c5 a4ee;AA a732;AE c6 4d4;AU a736
        AV a738 a73a;AY a73c;Ao a734;B 299 392 412 432 13f4 15f7 a4d0 a7b4;C 421 4aa 13df 2ca4 a4da 10415;C' 187
        D d0 110 189 13a0 15de 15ea a4d3;E 246 395 415 13ac 2d39 a4f0;F 191 3dc 15b4 a4dd a798
        G 1e4 50c 13c0 13f3 a4d6;G' 193;H 126 29c 397 41d 43d 4a2 4a3 4c7 4c8 4c9 4ca 13bb 157c 2c67 2c8e a4e7
        J 248 37f 408 13ab 148d a4d9 a7b2;K 39a 41a 49a 49e 13e6 2c69 2c94 a4d7 a740;K' 198
        L 141 13de 14aa 2cd0 a4e1 1041b;M 39c 3fa 41c 4cd 13b7 15f0 2c98 a4df;N 19d 39d 2c9a a4e0
        P 3a1 420 13e2 146d 2ca2 a4d1;P' 1486;Q 2d55;R 1a6 13a1 13d2 1587 a4e3 104b4;S 405 54f 13d5 13da a4e2 10420
        T 166 1ae 23e 3a4 422 4ac 13a2 2ca6 a4d4;T3 a728;U 244 54d 1200 13cc 144c a4f4 104ce;U' 1467
        V 474 667 6f7 13d9 142f 2d38 a4e6 a6df;W 51c 13b3 13d4 a4ea;X 3a7 425 4b2 2cac 2d5d a4eb a7b3
        Y 24e 3a5 423 4ae 4b0 13a9 13bd 2ca8 a4ec;Z 1b5 224 396 13c3 a4dc 102f5;_ 7fa;a 251 3b1 430;aa a733
        ae e6 4d5;ao a735;au a737;av a739 a73b;ay a73d
        b 180 182 183 184 185 253 411 42c 44c 462 463 48c 48d 13cf 1472 1473 15af;b' 1488;bi 44b;bl 42b
        c 23c 441 4ab 1d04 2ca5 abaf 1043d;d 111 18c 256 257 501 13e7 146f a4d2;d' 1487;dz 2a3;dȝ 2a4;dʑ 2a5
        e 247 435 4bd 4bf ab32;f 192 584 1d6e 1e9d a799 ab35;fŋ 2a9;g 18d 1e5 260 261 581 1d83
        h 127 266 45b 4bb 570 13c2 13f2 a695;i 131 268 269 26a 3b9 456 4cf 13a5 1d7b 1d7c a647 ab75;j 249 3f3 458
        k 138 199 3ba 43a 49b 49f 1d0b
        l 31 49 142 196 197 19a 1c0 26b 26d 399 406 4c0 5d5 5df 627 661 673 6f1 7ca 2c92 2d4f a4f2 1e8c7;l' 5f1
        ll 1c1 5f0;lo 42e;ls 2aa;lz 2ab;lȝ 26e;m 271 28d 43c 4ce 1d0d 1d6f;n 19e 273 3b7 43f 578 57c 1d70
        o 30 4f d8 f8 19f 275 398 39f 3b8 3bf 3c3 41e 43e 472 473 4e8 4e9 555 585 5e1 647 665 6be 6c1 6d5
        o 6f5 6ff 7c0 966 9e6 a66 ae6 b20 b66 be6 c66 ce6 d20 d66 e50 ed0 1010 101d 1040 10ff 12d0 13be 13eb
        o 1d0f 1d11 2c9e 2c9f 2d31 2d41 2d54 3007 a4f3 a74a a74b ab3d ab3e ab74 ab8e abbb 10404 1042c 104c2
        o 104ea 114d0;o' 13a4;oE 152;oe 153;oo a698 a699 a74e a74f;oᴇ 276;p 1a5 3c1 440 1d7d 2ca3;q 2a0 51b 563 566
        r 24d 27c 27d 433 493 1d26 1d72 2c85 ab47 ab48 ab81;r' 491;s 1bd 282 455 1d74 a731 abaa 10448
        t 167 1ad 3c4 442 4ad 1d1b 1d75;tf a777;ts 2a6;tȝ a729;tɕ 2a8;tʃ 2a7
        u 28b 3c5 57d 1d1c 1d7e a79f ab4e ab52 ab9c 104f6;ue 1d6b;uo ab63;v 3bd 475 5d8 1d20 aba9
        w 26f 461 47d 51d 561 1d21 a761 ab83 114c5;x 445 1541 157d
        y 1b4 24f 263 28f 3b3 443 4af 4b1 10e7 1d8c 1eff ab5a;z 1b6 225 290 1d22 1d76 ab93;· a78f;Þ 3f7;ß 3b2 a7b5
        þ 1bf 3f8;Ɔ 3fd;Ə 4d8;Ɛ 510;ƨ 1d24 a645;Ʃ 3a3;ǝ 259 4d9;ǝo 1d14 ab41 ab42;ǝ˞ 25a;Ƕ 50a;ȝ 292 4e1 a76b;ȷ 575
        Ʌ 39b 41b 4c5;ɋ 1d90;ɔ 37b 1d10 2184 ab3f;ɔe ab62;ɢ 50d;ɰ 57a;ɸ 3c6 444;ɾ 1d73;ʃ ab4d;ʊ 1d7f;ʌ 1d27;ʘ a668
        ʚ a79d;ˉb 44a;ˉbi a651;Γ 413 492;Γ' 490;Π 41f;Φ 424 553;Ψ 470;π 1d28;ς 3db;χ ab53 ab55;ψ 471;ω a64d a7b7
        Ж 496;И 376 48a;Ъl a650;ж 497;л 4c6 1d2b;љ ab60;Ѡ 47c;Ҷ 4cb;ҷ 4cc;Ҽ 4be;ሆ 544;ቡ 54c;ኮ 53b;ጣ 54a
        ᴎ 377 438 48b;ᴘ 1d29;ᴙ 44f;ẟ 3b4 56e;∂ f0;Ⱶ 370;へ 30d8;ー 4e00 a7f7;二 30cb;亻 30a4;八 30cf;力 30ab;卜 30c8;口 30ed
        夕 30bf;工 30a8;ꓕ a7b1;ꓤ a79e;Ꙍ a7b6;ꜧ a795;Ꜿ 3ff;ꜿ 37d;Ꝺ a77a;Ꞓ 404;ꞓ 25b 3b5 454 511;𐊨 a69a;𐐒 a79a;𐐺 a79b
        """
}

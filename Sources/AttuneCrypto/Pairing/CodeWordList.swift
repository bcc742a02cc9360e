// Attune
// SPDX-License-Identifier: Apache-2.0

/// The 256 words of pairing codes and check words: short, told apart by ear, and by their first three letters.
///
/// A word's index is its byte; the list never changes.
enum CodeWordList {
    static let words: [String] = text.split(whereSeparator: \.isWhitespace).map(String.init)

    /// The index of a word given whole or by its start, of three letters or more, in either case.
    static func index(of word: some StringProtocol) -> UInt8? {
        let typed = word.lowercased()
        guard typed.utf8.count >= 3 else { return nil }
        return words.firstIndex { $0.hasPrefix(typed) }.map { UInt8(truncatingIfNeeded: $0) }
    }

    /// The words of some bytes.
    static func words(for bytes: some Sequence<UInt8>) -> [String] { bytes.map { words[Int($0)] } }

    private static let text = """
        album amber angle apple april arena armor arrow atlas attic autumn bacon ballet bamboo barrel basket beaver
        bench berry bison blanket blossom bonus border bottle branch bread bridge bronze brush bubble bucket button
        buzzer cabin cactus camel candle carpet castle cedar chalk cherry chimney clover coast cobalt coffee comet
        copper cotton coyote cradle cricket crown crystal cube curtain dagger dancer delta desert diamond dinner
        doctor dolphin domino donkey dragon eagle earth eclipse elbow elephant emerald engine envelope fabric falcon
        feather fender fiddle filter finger flame flute folder forest fountain fox frost furnace galaxy garden
        gazelle ginger giraffe glacier glove goblin golden gravel grotto guitar hammer harbor hazel helmet hockey
        honey horizon hotel iceberg igloo indigo island ivory jacket jasmine jelly jigsaw jockey journal jungle kayak
        kettle kidney kiosk kitchen koala ladder lagoon lantern lemon lever library lizard lobster locket lotus
        lumber lunar magnet mango marble meadow medal melon mercury metal mirror mitten model monkey mosaic motor
        muffin napkin nectar needle nickel noble north nutmeg oasis ocean octopus olive omega onion opal orange orbit
        otter oven oxygen oyster paddle palace panda parrot pebble pelican pepper piano pigeon pilot pirate planet
        plum pocket pony puzzle pyramid quartz queen quilt rabbit radio raven razor rhythm ribbon river robot rocket
        ruby saddle salmon sandal sapphire saturn scarf shadow silver skate slipper smoke socket spider stadium sugar
        summit swan tablet talent tango teapot temple thunder tiger timber tomato trumpet tulip tunnel turtle umpire
        unicorn valley vanilla velvet violin volcano voyage waffle walnut whale willow winter wizard wombat yacht
        yellow zebra zigzag
        """
}

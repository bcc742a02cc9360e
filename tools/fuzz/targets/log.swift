// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCrypto
import AttuneVault
import CSealedVFS

/// A database's log of three transactions with bytes changed, cut off or put in: where the change lies in a frame that a
/// later commit proves, that frame is named, and a log that was only cut short is no damage.
///
/// Input: how many bytes are cut off, then places and what is added to the byte there.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    let input = Array(UnsafeRawBufferPointer(start: data, count: count))
    guard input.count >= 2 else { return 0 }
    var log = honest
    let cut = Int(input[0]) << 8 | Int(input[1])
    log.removeLast(min(cut, log.count))
    var changed: Set<Int> = []
    for start in stride(from: 2, to: input.count - 2, by: 3) {
        let place = Int(input[start]) << 8 | Int(input[start + 1])
        if place < log.count {
            log[place] &+= input[start + 2]
        } else {
            log.append(input[start + 2])
        }
    }
    for (place, byte) in log.enumerated() where place < honest.count && byte != honest[place] {
        changed.insert(place < 32 ? 0 : (place - 32) / frameBytes + 1)
    }
    let (bad, frames) = check(log)
    precondition(frames == max(0, (log.count - 32) / frameBytes), "frames are counted otherwise")
    precondition(bad <= frames, "a frame that is not there is named")
    let first = changed.min()
    if changed.isEmpty {
        precondition(bad == 0 || log.count > honest.count, "an honest log is damaged")
    } else if changed == [0], frames > 0 {
        precondition(bad == 1, "a changed header goes unnoticed")
    } else if let first, first > 0 {
        // What comes before is read as ever.
        precondition(bad == 0 || bad >= first, "a frame before the change is named")
    }
    // The second transaction goes on from the first one, and so on: a frame is proven by the commit after it.
    if let first, first > 0, changed.count == 1, frames >= transactions.count * framesEach,
        first <= (transactions.count - 1) * framesEach
    {
        precondition(bad == first, "frame \(first) was changed, and \(bad) is named")
    }
    return 0
}

private let frameBytes = 4096 + 24
private let framesEach = 2
private let transactions = [1, 2, 3] as [UInt32]
private let root = [UInt8](repeating: 7, count: 32)
private let id = [UInt8](repeating: 9, count: 8)

private func check(_ log: [UInt8]) -> (bad: Int, frames: Int) {
    var bad: UInt32 = 0
    var frames: UInt32 = 0
    guard !log.isEmpty else { return (0, 0) }
    let code = sealed_vfs_check_log(log, log.count, root, id, &bad, &frames)
    precondition(code == 0, "the check ends with \(code)")
    return (Int(bad), Int(frames))
}

private func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

/// Goes on with the running checksum of a log whose words are little-endian.
private func sum(_ bytes: [UInt8], _ sum: inout (UInt32, UInt32)) {
    for start in stride(from: 0, to: bytes.count, by: 8) {
        func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[start + offset + $1]) << (8 * $1) } }
        sum.0 = sum.0 &+ word(0) &+ sum.1
        sum.1 = sum.1 &+ word(4) &+ sum.0
    }
}

private let honest: [UInt8] = {
    var pageKey = [UInt8](repeating: 0, count: 32)
    var sumKey = [UInt8](repeating: 0, count: 16)
    sealed_page_keys(root, id, &pageKey, &sumKey)
    let salt = [1, 2, 3, 4, 5, 6, 7, 8] as [UInt8]
    var running: (UInt32, UInt32) = (0, 0)
    var log = word(0x377f_0682) + word(3_007_000) + word(4096) + word(0) + salt
    sum(log, &running)
    log += word(running.0) + word(running.1)
    for transaction in transactions {
        for index in 0..<framesEach {
            let number = transaction * 2 + UInt32(index)
            let isLast = index == framesEach - 1
            var page = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* Int(number)) }
            page.replaceSubrange(4056..., with: [UInt8](repeating: 0, count: 40))
            let head = word(number) + word(isLast ? 9 : 0)
            sum(head, &running)
            sum(page, &running)
            var stored = word(running.0) + word(running.1)
            sealed_sum_mask(sumKey, &stored, salt, UInt64(log.count), 0)
            var sealed = [UInt8](repeating: 0, count: 4096)
            sealed_page_seal(
                pageKey, id, Int32(SEALED_KIND_WAL), number, [UInt8](repeating: UInt8(number), count: 24), page, &sealed
            )
            log += head + salt + stored + sealed
        }
    }
    precondition(check(log) == (0, transactions.count * framesEach), "the honest log is damaged")
    return log
}()

// Attune
// SPDX-License-Identifier: Apache-2.0

import AttuneCore
import GRDB
import Glibc

extension VaultError {
    /// The error of a failed system call on `what`; a full disk, quota or size limit becomes `full`.
    static func system(_ what: String, errno code: Int32) -> VaultError {
        let text = "\(what): \(String(cString: strerror(code)))"
        return isFull(code) ? full(text) : failed(text)
    }

    /// What a database error means to a person, with SQLite's answer in words and nothing of the statement.
    ///
    /// - Parameters:
    ///   - task: what could not be done, if more is known of it than that the database was used.
    ///   - isDiskFull: asked after a failed write, for which SQLite does not always tell the reason.
    static func database(
        _ error: DatabaseError, failing task: String? = nil, isDiskFull: () -> Bool = { false }
    ) -> VaultError {
        let answer = error.answer()
        switch error.resultCode {
        case .SQLITE_FULL: return full("the database cannot grow", cause: answer)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return damaged("the database cannot be read", cause: answer)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return VaultError(
                .locked, "the database is in use by another process",
                remedy: "Wait until it has finished, then try again.", cause: answer)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            if error.extendedResultCode.rawValue == dataRefused {
                return damaged(
                    "a page of the database was changed", cause: error.answer(saying: "a seal does not open"))
            }
            if isDiskFull() { return full("the database cannot grow", cause: answer) }
            return failed(task ?? "the database cannot be read or written", cause: answer)
        default: return failed(task ?? "the database refused a statement", cause: answer)
        }
    }

    /// What a value of another kind in a column means; GRDB's own words quote the row.
    static var otherKindOfValue: VaultError { damaged("a column of the database holds another kind of value") }

    /// SQLITE_IOERR_DATA, which the sealing layer answers for a page that does not open.
    private static let dataRefused: Int32 = 8202

    static func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

extension DatabaseError {
    /// The same result without the statement and its values, which are nobody's to read.
    ///
    /// - Parameter words: what the result means; nil takes SQLite's words for it.
    func answer(saying words: String? = nil) -> DatabaseError {
        DatabaseError(resultCode: extendedResultCode, message: words)
    }
}

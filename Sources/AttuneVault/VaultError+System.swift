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

    /// What a database error means to a person.
    ///
    /// - Parameter isDiskFull: asked after a failed write, for which SQLite does not always tell the reason.
    static func database(_ error: DatabaseError, isDiskFull: () -> Bool = { false }) -> VaultError {
        switch error.resultCode {
        case .SQLITE_FULL: return full("the database cannot grow", cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return damaged("the database cannot be read", cause: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return VaultError(
                .locked, "the database is in use by another process",
                remedy: "Wait until it has finished, then try again.", cause: error)
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            if error.extendedResultCode.rawValue == dataRefused {
                return damaged("a page of the database was changed", cause: error)
            }
            if isDiskFull() { return full("the database cannot grow", cause: error) }
            return failed("the database cannot be read or written", cause: error)
        default: return failed("the database refused a statement", cause: error)
        }
    }

    /// SQLITE_IOERR_DATA, which the sealing layer answers for a page that does not open.
    private static let dataRefused: Int32 = 8202

    static func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

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
    static func database(_ error: DatabaseError, systemError: Int32 = 0) -> VaultError {
        switch error.resultCode {
        case .SQLITE_FULL: return full("the database cannot grow", cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return damaged("the database cannot be read", cause: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return VaultError(
                code: "E-VAULT-002", message: "the database is in use by another process",
                remedy: "Wait until it has finished, then try again.", exitStatus: .storeLocked, cause: error)
        case .SQLITE_IOERR:
            if error.extendedResultCode == .SQLITE_IOERR_DATA || error.extendedResultCode.rawValue == 8202 {
                return damaged("a page of the database was changed", cause: error)
            }
            let writing: [ResultCode] = [
                .SQLITE_IOERR_WRITE, .SQLITE_IOERR_FSYNC, .SQLITE_IOERR_TRUNCATE, .SQLITE_IOERR_SHMSIZE,
            ]
            if writing.contains(error.extendedResultCode), isFull(systemError) {
                return full("the database cannot grow", cause: error)
            }
            return failed("the database cannot be read or written", cause: error)
        default: return failed("the database refused a statement", cause: error)
        }
    }

    private static func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
}

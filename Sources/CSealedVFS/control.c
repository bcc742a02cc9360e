// Attune
// SPDX-License-Identifier: Apache-2.0
//
// Control operations and pragmas that would weaken or break the seal.

#include <string.h>

#include "sealed_file.h"

/// The reason for refusing a pragma, or NULL if it may run; `value` is NULL when the pragma only asks.
static const char *refusal(const char *name, const char *value) {
    // A key pragma is ignored by SQLite, which would let its author believe in an encryption that is not there.
    if (!sqlite3_stricmp(name, "key") || !sqlite3_stricmp(name, "rekey") || !sqlite3_stricmp(name, "hexkey"))
        return "this database is sealed by its VFS and takes no key by pragma";
    if (!value) return NULL;
    if (!sqlite3_stricmp(name, "page_size") && strcmp(value, "4096")) return "a sealed database has pages of 4096 bytes";
    if (!sqlite3_stricmp(name, "mmap_size") && strcmp(value, "0")) return "a sealed database is never memory-mapped";
    if (!sqlite3_stricmp(name, "journal_mode") && sqlite3_stricmp(value, "wal"))
        return "a sealed database has no journal but the write-ahead log";
    if (!sqlite3_stricmp(name, "temp_store") && strcmp(value, "2") && sqlite3_stricmp(value, "memory"))
        return "a sealed database keeps its temporary data in memory";
    return NULL;
}

int sealed_control(sealed_file *file, int operation, void *argument, int *handled) {
    switch (operation) {
        case SQLITE_FCNTL_PRAGMA: {
            char **words = argument;
            const char *reason = refusal(words[1], words[2]);
            *handled = reason != NULL;
            if (!reason) return SQLITE_NOTFOUND;
            words[0] = sqlite3_mprintf("%s", reason);
            return SQLITE_ERROR;
        }
        case SQLITE_FCNTL_VFSNAME: {
            char *below = NULL;
            sqlite3_file *real = sealed_real_file(file);
            real->pMethods->xFileControl(real, operation, &below);
            *(char **)argument = sqlite3_mprintf("sealed/%s", below ? below : "");
            sqlite3_free(below);
            *handled = 1;
            return SQLITE_OK;
        }
        case SQLITE_FCNTL_MMAP_SIZE:
            *(sqlite3_int64 *)argument = 0;
            *handled = 1;
            return SQLITE_OK;
        case SQLITE_FCNTL_POWERSAFE_OVERWRITE:  // may be asked for, never changed
            *(int *)argument = 1;
            *handled = 1;
            return SQLITE_OK;
        case SQLITE_FCNTL_CHUNK_SIZE:  // grows the file by pages that were never sealed
        case SQLITE_FCNTL_BEGIN_ATOMIC_WRITE:
        case SQLITE_FCNTL_COMMIT_ATOMIC_WRITE:
        case SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE:
            *handled = 1;
            return SQLITE_NOTFOUND;
        default:
            return SQLITE_NOTFOUND;
    }
}

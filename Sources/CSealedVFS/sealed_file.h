// Attune
// SPDX-License-Identifier: Apache-2.0
//
// The file object of the VFS: a database or its write-ahead log.

#pragma once
#include <sqlite3.h>
#include <stddef.h>

#include "registry.h"

typedef struct sealed_file {
    sqlite3_file base;
    sealed_keys *keys;
    sealed_entry *entry;  // NULL for a log, which lives inside the life of its database file
    int kind;
    int use;  // SEALED_SHARED, SEALED_PRIVATE or SEALED_FIXED
} sealed_file;

/// The methods of the databases and logs of this VFS; also tells such a file from any other.
extern const sqlite3_io_methods sealed_methods;

/// The file of the VFS below, which lies right behind ours in the memory that SQLite gave.
static inline sqlite3_file *sealed_real_file(sealed_file *file) {
    return (sqlite3_file *)((char *)file + ((sizeof(sealed_file) + 7) & ~(size_t)7));
}

/// The shape of a log.
enum { SEALED_LOG_HEADER = 32, SEALED_FRAME_HEADER = 24, SEALED_FRAME = SEALED_FRAME_HEADER + 4096 };

/// The first page of an empty database in WAL mode: what SQLite would have written, without a rollback journal.
void sealed_first_page(uint8_t page[4096]);

/// Looks through a log that SQLite is about to recover: SQLITE_IOERR_DATA if it lost frames that were on disk.
int sealed_log_check(sealed_file *file);

/// Answers the control operations that concern sealing; SQLITE_NOTFOUND hands the rest to the file below.
int sealed_control(sealed_file *file, int operation, void *argument, int *handled);

// Attune
// SPDX-License-Identifier: Apache-2.0
//
// Which database paths may be opened, and with which root key.

#pragma once
#include <sqlite3.h>
#include <stdint.h>

/// One path that was added; shared by the registry and the files that are open on it.
typedef struct sealed_entry sealed_entry;

/// The keys of one open database, in locked memory, shared by its connection's database and log files.
typedef struct sealed_keys {
    int references;
    sealed_entry *entry;  // of the database, which outlives them
    uint8_t id[8];
    uint8_t page[32];
    uint8_t sum[16];
} sealed_keys;

/// The VFS below; NULL before registration.
sqlite3_vfs *sealed_real_vfs(void);

/// Finds `path`, takes a reference and counts one open file; NULL if it was not added. `path` is a full path name.
sealed_entry *sealed_entry_open(const char *path);
/// Gives back what `sealed_entry_open` took.
void sealed_entry_close(sealed_entry *entry);
int sealed_entry_is_plain(const sealed_entry *entry);
/// How the database is used, as `sealed_vfs_set_use` said.
int sealed_entry_use(const sealed_entry *entry);

/// Keeps what was found in the log of a database: the first bad frame from 1, or 0, and how many there are.
///
/// Returns whether that is to be an error.
int sealed_entry_note_log(sealed_entry *entry, uint32_t bad, uint32_t count);

/// Derives the keys of the database with this id; NULL when memory is short or the path was removed meanwhile.
sealed_keys *sealed_keys_derive(sealed_entry *entry, const uint8_t id[8]);
sealed_keys *sealed_keys_retain(sealed_keys *keys);
void sealed_keys_release(sealed_keys *keys);

/// Whether a connection of this process has `path` open.
int sealed_path_is_open(const char *path);
/// Writes the full name of `path` as SQLite itself would into `out`.
int sealed_full_path(const char *path, char *out, int size);

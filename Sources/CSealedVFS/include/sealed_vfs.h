// Attune
// SPDX-License-Identifier: Apache-2.0
//
// A SQLite VFS in which every page of a database and of its write-ahead log is sealed with
// XChaCha20-Poly1305. The layout is described in schemas/sealed-page.md.
//
// Every function returns a SQLite result code (SQLITE_OK = 0) and may be called from any thread.

#pragma once
#include <stddef.h>
#include <stdint.h>

#define SEALED_PAGE_SIZE 4096
#define SEALED_PAYLOAD_SIZE 4056
#define SEALED_NONCE_SIZE 24
#define SEALED_TAG_SIZE 16
#define SEALED_KEY_SIZE 32
#define SEALED_SUM_KEY_SIZE 16
#define SEALED_ID_SIZE 8

/// What a sealed page belongs to; part of the associated data, so a frame never passes for a page.
enum { SEALED_KIND_DATABASE = 0, SEALED_KIND_WAL = 1 };

/// Makes the VFS "sealed" the default one of this process; later calls do nothing.
///
/// From then on a database file opens only if its path was added; databases in memory are not concerned.
int sealed_vfs_register(void);

/// Gives the root key of the database at `path`, which need not exist yet; a second call replaces the key.
///
/// The key is copied into locked memory that is wiped when the path is removed.
int sealed_vfs_add(const char *path, const uint8_t root_key[SEALED_KEY_SIZE]);

/// Lets the database at `path` be opened without any sealing, journals included.
int sealed_vfs_allow_plain(const char *path);

/// How a database is used; every database starts as shared.
enum {
    SEALED_SHARED = 0,   ///< by several connections and processes
    SEALED_PRIVATE = 1,  ///< by one connection that nobody else knows of: the file system is asked for no lock
    SEALED_FIXED = 2     ///< by readers of a file that nobody changes: no lock, no log, no shared memory
};

/// Says how the database at `path` will be used; what is open stays as it was opened.
///
/// File systems of other machines often know no locks, and some media cannot be written. A private connection has to
/// set locking_mode to exclusive before its first statement.
/// Returns SQLITE_NOTFOUND if the path was never added.
int sealed_vfs_set_use(const char *path, int use);

/// Forgets `path` and wipes its key; connections that are open keep their own derived keys until they close.
///
/// Returns SQLITE_NOTFOUND if the path was never added.
int sealed_vfs_remove(const char *path);

/// Brings a database into being: one ready, empty, sealed page in WAL mode under a fresh database id.
///
/// Written to `path` + ".tmp", synced, renamed, folder synced; mode 0600. SQLITE_CANTOPEN if `path` exists.
int sealed_vfs_create(const char *path, const uint8_t root_key[SEALED_KEY_SIZE]);

/// Called for each page that does not open, with its number from 1; a result other than 0 stops the check.
typedef int (*sealed_vfs_damage)(void *context, uint32_t page);

/// Opens every page of a database that no connection of this process has open.
///
/// Returns SQLITE_OK if all pages are whole, SQLITE_CORRUPT if at least one is not, SQLITE_NOTADB if page 1 is not a
/// sealed page under this key, SQLITE_BUSY if the file is open here (closing a descriptor would drop SQLite's locks).
/// `pages` receives the count of pages checked and may be NULL; so may `damage`. A torn last page counts as damaged.
int sealed_vfs_verify_file(
    const char *path, const uint8_t root_key[SEALED_KEY_SIZE], sealed_vfs_damage damage, void *context,
    uint32_t *pages);

/// What was found in the log of the database at `path` when it was last recovered.
///
/// `bad_frame` is the first frame, counted from 1, that is damaged and not merely torn by a crash, 0 if there is none;
/// `frames` is their count. Recovery ends with SQLITE_IOERR_DATA then. SQLITE_NOTFOUND if the path was never added.
int sealed_vfs_log_damage(const char *path, uint32_t *bad_frame, uint32_t *frames);

/// Lets the log of the database at `path` end before a damaged frame, as SQLite does by itself: for copies from which
/// what can be read is saved.
int sealed_vfs_take_short_log(const char *path);

/// Looks through the bytes of a log as recovery does, with the results of `sealed_vfs_log_damage`; `bytes` is not NULL.
int sealed_vfs_check_log(
    const uint8_t *bytes, size_t size, const uint8_t root_key[SEALED_KEY_SIZE], const uint8_t id[SEALED_ID_SIZE],
    uint32_t *bad_frame, uint32_t *frames);

/// Derives the page key and the key of the checksum mask from the root key and the database id.
void sealed_page_keys(
    const uint8_t root_key[SEALED_KEY_SIZE], const uint8_t id[SEALED_ID_SIZE], uint8_t page_key[SEALED_KEY_SIZE],
    uint8_t sum_key[SEALED_SUM_KEY_SIZE]);

/// Seals one logical page into `out`; the 40 reserved bytes of `page` are not read.
void sealed_page_seal(
    const uint8_t page_key[SEALED_KEY_SIZE], const uint8_t id[SEALED_ID_SIZE], int kind, uint32_t number,
    const uint8_t nonce[SEALED_NONCE_SIZE], const uint8_t page[SEALED_PAGE_SIZE], uint8_t out[SEALED_PAGE_SIZE]);

/// Opens one sealed page into `out`, reserved bytes zero; returns 0, or -1 with `out` wiped.
int sealed_page_open(
    const uint8_t page_key[SEALED_KEY_SIZE], const uint8_t id[SEALED_ID_SIZE], int kind, uint32_t number,
    const uint8_t sealed[SEALED_PAGE_SIZE], uint8_t out[SEALED_PAGE_SIZE]);

/// Masks, or with `inverse` unmasks, the 8 bytes of a frame's checksum in place.
void sealed_sum_mask(
    const uint8_t sum_key[SEALED_SUM_KEY_SIZE], uint8_t sum[8], const uint8_t salt[8], uint64_t frame_offset,
    int inverse);

// Attune
// SPDX-License-Identifier: Apache-2.0
//
// The birth of a sealed database, and the check of one that nobody has open.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry.h"
#include "sealed_file.h"
#include "sealed_vfs.h"

enum { PATH_LIMIT = 4096, LOCK_BYTE_PAGE = 0x40000000 / SEALED_PAGE_SIZE + 1 };

void sealed_first_page(uint8_t page[SEALED_PAGE_SIZE]) {
    memset(page, 0, SEALED_PAGE_SIZE);
    memcpy(page, "SQLite format 3", 16);
    page[16] = SEALED_PAGE_SIZE >> 8;
    page[18] = page[19] = 2;  // read and written through the log
    page[20] = SEALED_PAGE_SIZE - SEALED_PAYLOAD_SIZE;
    page[21] = 64;  // embedded payload fractions, constants of the format
    page[22] = page[23] = 32;
    page[27] = 1;  // change counter
    page[31] = 1;  // size in pages
    page[47] = 4;  // schema format
    page[59] = 1;  // UTF-8
    page[95] = 1;  // version-valid-for
    page[96] = 0x00;  // written by 3.40.1 = 3040001 = 0x002e6301
    page[97] = 0x2e;
    page[98] = 0x63;
    page[99] = 0x01;
    page[100] = 0x0d;  // leaf of the schema table
    page[105] = SEALED_PAYLOAD_SIZE >> 8;  // cell content starts at the end of the usable page
    page[106] = SEALED_PAYLOAD_SIZE & 255;
}

static int sync_folder_of(const char *path) {
    char folder[PATH_LIMIT];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder) return -1;
    if (slash && length == 0) length = 1;
    if (slash)
        memcpy(folder, path, length);
    else
        folder[length++] = '.';
    folder[length] = 0;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    int rc = fsync(descriptor);
    close(descriptor);
    return rc;
}

static int write_all(int descriptor, const uint8_t *bytes, size_t count) {
    while (count) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int sealed_vfs_create(const char *path, const uint8_t root_key[SEALED_KEY_SIZE]) {
    char full[PATH_LIMIT], temporary[PATH_LIMIT + 8];
    if (!root_key) return SQLITE_MISUSE;
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    struct stat status;
    if (lstat(full, &status) == 0) return SQLITE_CANTOPEN;
    snprintf(temporary, sizeof temporary, "%s.tmp", full);

    uint8_t page[SEALED_PAGE_SIZE], sealed[SEALED_PAGE_SIZE];
    uint8_t id[SEALED_ID_SIZE], nonce[SEALED_NONCE_SIZE], page_key[SEALED_KEY_SIZE], sum_key[SEALED_SUM_KEY_SIZE];
    sealed_first_page(page);
    randombytes_buf(id, sizeof id);
    randombytes_buf(nonce, sizeof nonce);
    sealed_page_keys(root_key, id, page_key, sum_key);
    sealed_page_seal(page_key, id, SEALED_KIND_DATABASE, 1, nonce, page, sealed);
    sodium_memzero(page_key, sizeof page_key);
    sodium_memzero(sum_key, sizeof sum_key);

    unlink(temporary);  // left by a crash in the middle of an earlier birth; it never held data
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return SQLITE_CANTOPEN;
    rc = write_all(descriptor, sealed, sizeof sealed) || fsync(descriptor) ? SQLITE_IOERR_WRITE : SQLITE_OK;
    if (close(descriptor) && rc == SQLITE_OK) rc = SQLITE_IOERR_CLOSE;
    if (rc == SQLITE_OK && renameat2(AT_FDCWD, temporary, AT_FDCWD, full, RENAME_NOREPLACE)) {
        // Some file systems know no exclusive rename; there the look at the start has to do.
        if ((errno != EINVAL && errno != ENOSYS) || rename(temporary, full)) rc = SQLITE_CANTOPEN;
    }
    if (rc != SQLITE_OK) {
        unlink(temporary);
        return rc;
    }
    return sync_folder_of(full) ? SQLITE_IOERR_DIR_FSYNC : SQLITE_OK;
}

static ssize_t read_page(int descriptor, uint8_t *page) {
    size_t got = 0;
    while (got < SEALED_PAGE_SIZE) {
        ssize_t count = read(descriptor, page + got, SEALED_PAGE_SIZE - got);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        got += (size_t)count;
    }
    return (ssize_t)got;
}

static int verify(
    int descriptor, const uint8_t *root_key, sealed_vfs_damage damage, void *context, uint32_t *pages) {
    uint8_t sealed[SEALED_PAGE_SIZE], page[SEALED_PAGE_SIZE], id[SEALED_ID_SIZE];
    uint8_t page_key[SEALED_KEY_SIZE], sum_key[SEALED_SUM_KEY_SIZE];
    int rc = SQLITE_OK;
    for (uint32_t number = 1; number != 0; number++) {
        ssize_t count = read_page(descriptor, sealed);
        if (count < 0) rc = SQLITE_IOERR_READ;
        if (count <= 0) break;
        if (number == 1) {
            memcpy(id, sealed + 8, sizeof id);
            sealed_page_keys(root_key, id, page_key, sum_key);
        }
        *pages = number;
        // SQLite never reads or writes the page that holds its lock bytes.
        if (number == LOCK_BYTE_PAGE) continue;
        if (count == SEALED_PAGE_SIZE &&
            !sealed_page_open(page_key, id, SEALED_KIND_DATABASE, number, sealed, page))
            continue;
        rc = number == 1 ? SQLITE_NOTADB : SQLITE_CORRUPT;
        if (damage && damage(context, number)) break;
        if (number == 1) break;  // without its first page nothing says whether the key is right
    }
    if (rc == SQLITE_OK && *pages == 0) rc = SQLITE_NOTADB;
    sodium_memzero(page, sizeof page);
    sodium_memzero(page_key, sizeof page_key);
    sodium_memzero(sum_key, sizeof sum_key);
    return rc;
}

int sealed_vfs_verify_file(
    const char *path, const uint8_t root_key[SEALED_KEY_SIZE], sealed_vfs_damage damage, void *context,
    uint32_t *pages) {
    char full[PATH_LIMIT];
    uint32_t counted = 0;
    if (pages) *pages = 0;
    if (!root_key) return SQLITE_MISUSE;
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    if (sealed_path_is_open(full)) return SQLITE_BUSY;
    int descriptor = open(full, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return SQLITE_CANTOPEN;
    rc = verify(descriptor, root_key, damage, context, &counted);
    close(descriptor);
    if (pages) *pages = counted;
    return rc;
}

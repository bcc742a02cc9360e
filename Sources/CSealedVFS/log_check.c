// Attune
// SPDX-License-Identifier: Apache-2.0
//
// Tells a log that is damaged from one that a crash cut short, before SQLite recovers it.
//
// SQLite ends a log at the first frame whose header or checksum does not fit and takes what follows for garbage. With
// synchronous = FULL only the last transaction can be torn: the next one begins once it is on disk, and its first frame
// goes on with the checksum of the commit frame before. So a frame that opens and goes on from a commit frame at or
// behind the bad one proves that the bad one was whole. Frames that a transaction left which was rolled back, or cut
// off by a crash, and that a shorter one was written over, go on from nothing.

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "sealed_file.h"
#include "sealed_vfs.h"

enum { HEADER = SEALED_LOG_HEADER, FRAME_HEADER = SEALED_FRAME_HEADER, FRAME = SEALED_FRAME };

/// A log in a file, or in memory where `bytes` is set.
typedef struct log {
    sqlite3_file *file;
    const uint8_t *bytes;
    sqlite3_int64 size;
    const uint8_t *id, *page_key, *sum_key;
} log;

typedef struct frame {
    uint8_t head[FRAME_HEADER];     // its checksum unmasked
    uint8_t page[SEALED_PAGE_SIZE]; // opened
    int opens;
} frame;

static uint32_t big(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static uint32_t little(const uint8_t *from) {
    return (uint32_t)from[3] << 24 | (uint32_t)from[2] << 16 | (uint32_t)from[1] << 8 | from[0];
}

/// Goes on with SQLite's running checksum; the lowest bit of the log's magic says in which order it reads words.
static void sum_bytes(int is_big, const uint8_t *bytes, size_t count, uint32_t sum[2]) {
    uint32_t (*word)(const uint8_t *) = is_big ? big : little;
    for (size_t i = 0; i < count; i += 8) {
        sum[0] += word(bytes + i) + sum[1];
        sum[1] += word(bytes + i + 4) + sum[0];
    }
}

static void stored_sum(const uint8_t *from, uint32_t sum[2]) {
    sum[0] = big(from);
    sum[1] = big(from + 4);
}

/// Whether `next` goes on from `sum`, which becomes its own then.
static int continues(int is_big, uint32_t sum[2], const frame *next) {
    uint32_t expected[2] = {sum[0], sum[1]}, stored[2];
    sum_bytes(is_big, next->head, 8, expected);
    sum_bytes(is_big, next->page, SEALED_PAGE_SIZE, expected);
    stored_sum(next->head + 16, stored);
    if (expected[0] != stored[0] || expected[1] != stored[1]) return 0;
    sum[0] = expected[0];
    sum[1] = expected[1];
    return 1;
}

static int read_bytes(const log *from, void *out, int count, sqlite3_int64 offset) {
    if (!from->bytes) return from->file->pMethods->xRead(from->file, out, count, offset);
    if (count > from->size - offset) return SQLITE_IOERR_SHORT_READ;
    memcpy(out, from->bytes + offset, (size_t)count);
    return SQLITE_OK;
}

static int read_frame(const log *from, uint32_t index, frame *out) {
    uint8_t sealed[FRAME];
    sqlite3_int64 offset = HEADER + (sqlite3_int64)index * FRAME;
    int rc = read_bytes(from, sealed, FRAME, offset);
    if (rc != SQLITE_OK) return rc;
    memcpy(out->head, sealed, FRAME_HEADER);
    sealed_sum_mask(from->sum_key, out->head + 16, out->head + 8, (uint64_t)offset, 1);
    out->opens = !sealed_page_open(
        from->page_key, from->id, SEALED_KIND_WAL, big(sealed), sealed + FRAME_HEADER, out->page);
    return SQLITE_OK;
}

/// Looks for a proof that the frame at `bad` was on disk as a whole: 1 if there is one.
static int is_proven(
    const log *from, int is_big, const uint8_t salts[8], uint32_t bad, uint32_t count, frame *one, int *proven) {
    uint32_t sum[2];
    int follows_commit = 0;
    for (uint32_t index = bad; index < count && !*proven; index++) {
        int rc = read_frame(from, index, one);
        if (rc != SQLITE_OK) return rc;
        int is_ours = !memcmp(one->head + 8, salts, 8);
        if (follows_commit && is_ours && one->opens && continues(is_big, sum, one)) *proven = 1;
        follows_commit = is_ours && big(one->head + 4) != 0;
        stored_sum(one->head + 16, sum);
    }
    return SQLITE_OK;
}

static int scan(const log *from, frame *one, uint32_t *bad, uint32_t *count) {
    uint8_t header[HEADER];
    *bad = *count = 0;
    if (from->size < HEADER + FRAME) return SQLITE_OK;
    int rc = read_bytes(from, header, HEADER, 0);
    if (rc != SQLITE_OK) return rc;
    *count = (uint32_t)((from->size - HEADER) / FRAME);

    int is_big = header[3] & 1, proven = 0;
    uint32_t sum[2] = {0, 0}, stored[2], index = 0;
    sum_bytes(is_big, header, 24, sum);
    stored_sum(header + 24, stored);
    if ((big(header) & 0xfffffffe) != 0x377f0682 || big(header + 8) != SEALED_PAGE_SIZE || sum[0] != stored[0] ||
        sum[1] != stored[1]) {
        // The header, half a sector that is synced before the first frame is written, is never torn.
        for (; index < *count && !proven; index++) {
            rc = read_frame(from, index, one);
            if (rc != SQLITE_OK) return rc;
            proven = one->opens;
        }
        *bad = proven ? 1 : 0;
        return SQLITE_OK;
    }
    for (; index < *count; index++) {
        rc = read_frame(from, index, one);
        if (rc != SQLITE_OK) return rc;
        if (memcmp(one->head + 8, header + 16, 8) || !one->opens || !continues(is_big, sum, one)) break;
    }
    if (index < *count) rc = is_proven(from, is_big, header + 16, index, *count, one, &proven);
    if (proven) *bad = index + 1;
    return rc;
}

int sealed_log_check(sealed_file *file) {
    uint32_t bad = 0, count = 0;
    int rc = SQLITE_OK;
    const sealed_keys *keys = file->keys;
    log from = {.file = sealed_real_file(file), .id = keys->id, .page_key = keys->page, .sum_key = keys->sum};
    frame *one = sodium_malloc(sizeof *one);
    if (!one) return SQLITE_NOMEM;
    // A reader that cannot write the log's index looks while another process may be writing.
    for (int attempt = 0; attempt < 3; attempt++) {
        rc = from.file->pMethods->xFileSize(from.file, &from.size);
        if (rc == SQLITE_OK) rc = scan(&from, one, &bad, &count);
        if (rc != SQLITE_OK || !bad) break;
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    sodium_free(one);
    if (rc != SQLITE_OK) return rc;
    return sealed_entry_note_log(file->keys->entry, bad, count) ? SQLITE_IOERR_DATA : SQLITE_OK;
}

int sealed_vfs_check_log(
    const uint8_t *bytes, size_t size, const uint8_t root_key[SEALED_KEY_SIZE], const uint8_t id[SEALED_ID_SIZE],
    uint32_t *bad_frame, uint32_t *frames) {
    if (sodium_init() < 0) return SQLITE_ERROR;
    frame *one = sodium_malloc(sizeof *one);
    uint8_t *keys = sodium_malloc(SEALED_KEY_SIZE + SEALED_SUM_KEY_SIZE);
    int rc = SQLITE_NOMEM;
    if (one && keys) {
        sealed_page_keys(root_key, id, keys, keys + SEALED_KEY_SIZE);
        log from = {
            .bytes = bytes, .size = (sqlite3_int64)size, .id = id, .page_key = keys,
            .sum_key = keys + SEALED_KEY_SIZE};
        rc = scan(&from, one, bad_frame, frames);
    }
    sodium_free(one);
    sodium_free(keys);
    return rc;
}

// Attune
// SPDX-License-Identifier: Apache-2.0
//
// Reads and writes of a sealed database and of its write-ahead log. SQLite's own shapes of access are the only ones
// known here; any other fails, because guessing would write plaintext or lose a commit.

#include "sealed_file.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "sealed_vfs.h"

enum {
    LOG_HEADER = SEALED_LOG_HEADER,
    FRAME_HEADER = SEALED_FRAME_HEADER,
    FRAME = SEALED_FRAME,
    FRAME_SALT = 8,
    FRAME_SUM = 16,
    DATABASE_HEADER = 100,
};

#define BELOW(handle) sealed_real_file((sealed_file *)(handle))

static uint32_t get32(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static int open_page(sealed_file *file, uint32_t number, const uint8_t *sealed, uint8_t *out) {
    return sealed_page_open(file->keys->page, file->keys->id, file->kind, number, sealed, out);
}

/// Refuses what SQLite would write if it did not know of the reserved bytes: sealing would lose it.
static int is_sealable(uint32_t number, const uint8_t *page) {
    if (!sodium_is_zero(page + SEALED_PAYLOAD_SIZE, SEALED_PAGE_SIZE - SEALED_PAYLOAD_SIZE)) return 0;
    if (number == 1)
        return !memcmp(page, "SQLite format 3", 16) && page[16] == SEALED_PAGE_SIZE >> 8 && page[17] == 0 &&
               page[20] == SEALED_PAGE_SIZE - SEALED_PAYLOAD_SIZE;
    return number != 0;
}

static int write_page(sealed_file *file, uint32_t number, const uint8_t *page, sqlite3_int64 offset) {
    sqlite3_file *below = sealed_real_file(file);
    uint8_t nonce[SEALED_NONCE_SIZE], sealed[SEALED_PAGE_SIZE];
    if (!is_sealable(number, page)) return SQLITE_IOERR_WRITE;
    randombytes_buf(nonce, sizeof nonce);
    sealed_page_seal(file->keys->page, file->keys->id, file->kind, number, nonce, page, sealed);
    return below->pMethods->xWrite(below, sealed, sizeof sealed, offset);
}

/// Reads `amount` bytes that lie inside one page of the database.
static int read_database(sealed_file *file, uint8_t *out, int amount, sqlite3_int64 offset) {
    sqlite3_file *below = sealed_real_file(file);
    sqlite3_int64 start = offset / SEALED_PAGE_SIZE * SEALED_PAGE_SIZE;
    sqlite3_int64 index = offset / SEALED_PAGE_SIZE + 1;
    int inside = (int)(offset - start);
    if (offset < 0 || index > UINT32_MAX || inside + amount > SEALED_PAGE_SIZE) return SQLITE_IOERR_READ;
    uint32_t number = (uint32_t)index;
    uint8_t sealed[SEALED_PAGE_SIZE], page[SEALED_PAGE_SIZE];
    // SQLite reads the header of page 1 without a lock when it opens a file, so a checkpoint may be writing the page
    // at that moment: a torn read is tried again, a wrong key fails every time.
    for (int attempt = number == 1 ? 20 : 1; attempt > 0; attempt--) {
        int rc = below->pMethods->xRead(below, sealed, sizeof sealed, start);
        if (rc == SQLITE_IOERR_SHORT_READ) {
            sqlite3_int64 size = 0;
            memset(out, 0, (size_t)amount);
            rc = below->pMethods->xFileSize(below, &size);
            if (rc != SQLITE_OK) return rc;
            return size <= start ? SQLITE_IOERR_SHORT_READ : SQLITE_IOERR_DATA;
        }
        if (rc != SQLITE_OK) return rc;
        if (!open_page(file, number, sealed, page)) {
            memcpy(out, page + inside, (size_t)amount);
            sodium_memzero(page, sizeof page);
            return SQLITE_OK;
        }
        struct timespec pause = {0, 50000};
        if (attempt > 1) nanosleep(&pause, NULL);
    }
    if (number == 1 && inside + amount <= DATABASE_HEADER) {
        // A checkpoint that was cut off has torn the page, and the log holds it whole. What SQLite reads before it looks
        // into the log is the same in every sealed database; it reads the page again, as a whole, before it uses any.
        sealed_first_page(page);
        memcpy(out, page + inside, (size_t)amount);
        return SQLITE_OK;
    }
    memset(out, 0, (size_t)amount);
    return number == 1 ? SQLITE_NOTADB : SQLITE_IOERR_DATA;
}

/// Whether `offset` is where a frame's header starts.
static int is_frame(sqlite3_int64 offset) { return offset >= LOG_HEADER && (offset - LOG_HEADER) % FRAME == 0; }

static void unmask(sealed_file *file, uint8_t *header, sqlite3_int64 offset, int inverse) {
    sealed_sum_mask(file->keys->sum, header + FRAME_SUM, header + FRAME_SALT, (uint64_t)offset, inverse);
}

static int read_log(sealed_file *file, uint8_t *out, int amount, sqlite3_int64 offset) {
    sqlite3_file *below = sealed_real_file(file);
    uint8_t frame[FRAME];
    int rc;
    if (offset < LOG_HEADER && offset + amount <= LOG_HEADER) {
        // The log's own header stays plain. Recovery begins with it, and would end in silence where a frame is bad.
        rc = offset == 0 && amount == LOG_HEADER ? sealed_log_check(file) : SQLITE_OK;
        if (rc == SQLITE_OK) return below->pMethods->xRead(below, out, amount, offset);
        memset(out, 0, (size_t)amount);
        return rc;
    }
    if (amount == FRAME && is_frame(offset)) {
        rc = below->pMethods->xRead(below, frame, FRAME, offset);
        if (rc != SQLITE_OK) {
            memset(out, 0, (size_t)amount);
            return rc;
        }
        memcpy(out, frame, FRAME_HEADER);
        unmask(file, out, offset, 1);
        // A frame that does not open here is a torn tail, as the log was looked through: with a salt of another log
        // recovery ends there. The checksum alone would not do, since it fits where the page was all zeros. An error
        // would make the database unopenable after every crash.
        if (open_page(file, get32(frame), frame + FRAME_HEADER, out + FRAME_HEADER)) out[FRAME_SALT] ^= 0xff;
        return SQLITE_OK;
    }
    if (amount == SEALED_PAGE_SIZE && is_frame(offset - FRAME_HEADER)) {
        rc = below->pMethods->xRead(below, frame, FRAME, offset - FRAME_HEADER);
        if (rc == SQLITE_OK && open_page(file, get32(frame), frame + FRAME_HEADER, out)) rc = SQLITE_IOERR_DATA;
        if (rc != SQLITE_OK) memset(out, 0, (size_t)amount);
        return rc;
    }
    if (amount == 8 && is_frame(offset - FRAME_SUM)) {
        rc = below->pMethods->xRead(below, frame, FRAME_HEADER, offset - FRAME_SUM);
        if (rc == SQLITE_OK) unmask(file, frame, offset - FRAME_SUM, 1);
        if (rc == SQLITE_OK) memcpy(out, frame + FRAME_SUM, 8);
        return rc;
    }
    return SQLITE_IOERR_READ;
}

static int write_log(sealed_file *file, const uint8_t *data, int amount, sqlite3_int64 offset) {
    sqlite3_file *below = sealed_real_file(file);
    uint8_t header[FRAME_HEADER];
    if (amount == LOG_HEADER && offset == 0) return below->pMethods->xWrite(below, data, amount, offset);
    if (amount == FRAME_HEADER && is_frame(offset)) {
        memcpy(header, data, sizeof header);
        unmask(file, header, offset, 0);
        return below->pMethods->xWrite(below, header, sizeof header, offset);
    }
    if (amount == SEALED_PAGE_SIZE && is_frame(offset - FRAME_HEADER)) {
        // The header on disk names the page: a page may be written again without its header.
        int rc = below->pMethods->xRead(below, header, sizeof header, offset - FRAME_HEADER);
        if (rc != SQLITE_OK) return SQLITE_IOERR_WRITE;
        return write_page(file, get32(header), data, offset);
    }
    return SQLITE_IOERR_WRITE;
}

static int file_close(sqlite3_file *handle) {
    sealed_file *file = (sealed_file *)handle;
    int rc = BELOW(handle)->pMethods->xClose(BELOW(handle));
    sealed_keys_release(file->keys);
    sealed_entry_close(file->entry);
    file->keys = NULL;
    file->entry = NULL;
    handle->pMethods = NULL;
    return rc;
}

static int file_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)handle;
    if (amount <= 0) return SQLITE_IOERR_READ;
    return file->kind == SEALED_KIND_WAL ? read_log(file, out, amount, offset)
                                         : read_database(file, out, amount, offset);
}

static int file_write(sqlite3_file *handle, const void *data, int amount, sqlite3_int64 offset) {
    sealed_file *file = (sealed_file *)handle;
    if (file->kind == SEALED_KIND_WAL) return write_log(file, data, amount, offset);
    if (amount != SEALED_PAGE_SIZE || offset < 0 || offset % SEALED_PAGE_SIZE) return SQLITE_IOERR_WRITE;
    sqlite3_int64 index = offset / SEALED_PAGE_SIZE + 1;
    return index > UINT32_MAX ? SQLITE_IOERR_WRITE : write_page(file, (uint32_t)index, data, offset);
}

static int file_truncate(sqlite3_file *handle, sqlite3_int64 size) {
    return BELOW(handle)->pMethods->xTruncate(BELOW(handle), size);
}

static int file_sync(sqlite3_file *handle, int flags) { return BELOW(handle)->pMethods->xSync(BELOW(handle), flags); }

static int file_size(sqlite3_file *handle, sqlite3_int64 *size) {
    return BELOW(handle)->pMethods->xFileSize(BELOW(handle), size);
}

/// Whether the file system has to be asked for locks.
static int is_shared(sqlite3_file *handle) { return ((sealed_file *)handle)->use == SEALED_SHARED; }

static int file_lock(sqlite3_file *handle, int level) {
    return is_shared(handle) ? BELOW(handle)->pMethods->xLock(BELOW(handle), level) : SQLITE_OK;
}

static int file_unlock(sqlite3_file *handle, int level) {
    return is_shared(handle) ? BELOW(handle)->pMethods->xUnlock(BELOW(handle), level) : SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *handle, int *out) {
    if (is_shared(handle)) return BELOW(handle)->pMethods->xCheckReservedLock(BELOW(handle), out);
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *handle, int operation, void *argument) {
    int handled = 0;
    int rc = sealed_control((sealed_file *)handle, operation, argument, &handled);
    return handled ? rc : BELOW(handle)->pMethods->xFileControl(BELOW(handle), operation, argument);
}

static int file_sector_size(sqlite3_file *handle) { return BELOW(handle)->pMethods->xSectorSize(BELOW(handle)); }

static int file_characteristics(sqlite3_file *handle) {
    // Sealing turns one write into one write of the same place, but promises no atomic batches.
    int below = BELOW(handle)->pMethods->xDeviceCharacteristics(BELOW(handle)) & ~SQLITE_IOCAP_BATCH_ATOMIC;
    return ((sealed_file *)handle)->use == SEALED_FIXED ? below | SQLITE_IOCAP_IMMUTABLE : below;
}

static int file_shm_map(sqlite3_file *handle, int region, int size, int extend, void volatile **out) {
    return BELOW(handle)->pMethods->xShmMap(BELOW(handle), region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *handle, int offset, int count, int flags) {
    return BELOW(handle)->pMethods->xShmLock(BELOW(handle), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *handle) { BELOW(handle)->pMethods->xShmBarrier(BELOW(handle)); }

static int file_shm_unmap(sqlite3_file *handle, int delete_file) {
    return BELOW(handle)->pMethods->xShmUnmap(BELOW(handle), delete_file);
}

const sqlite3_io_methods sealed_methods = {
    // Version 2: shared memory for the log, and no memory mapping, which would go around the seal.
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

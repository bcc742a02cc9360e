// Attune
// SPDX-License-Identifier: Apache-2.0
//
// The VFS object: which files open, and how.

#include "sealed_vfs.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "sealed_file.h"

static sqlite3_vfs *real;

sqlite3_vfs *sealed_real_vfs(void) { return real; }

/// Opens the database file below and derives its keys from the id in its first page.
static int open_database(const char *name, sealed_file *file, int flags, int *out_flags) {
    sqlite3_file *below = sealed_real_file(file);
    // A database comes into being only through sealed_vfs_create: SQLite would need a rollback journal for it.
    int rc = real->xOpen(real, name, below, flags & ~(SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE), out_flags);
    if (rc != SQLITE_OK) return rc;
    uint8_t prefix[16];
    sqlite3_int64 size = 0;
    rc = below->pMethods->xFileSize(below, &size);
    if (rc == SQLITE_OK && size < SEALED_PAGE_SIZE) rc = SQLITE_NOTADB;
    if (rc == SQLITE_OK) rc = below->pMethods->xRead(below, prefix, sizeof prefix, 0);
    if (rc == SQLITE_OK && memcmp(prefix, "ATTUNDB\1", 8)) rc = SQLITE_NOTADB;
    if (rc == SQLITE_OK) {
        file->keys = sealed_keys_derive(file->entry, prefix + 8);
        if (!file->keys) rc = SQLITE_NOMEM;
    }
    if (rc != SQLITE_OK) below->pMethods->xClose(below);
    return rc;
}

/// Opens the log of a database that is open; its keys are those of the database.
static int open_log(const char *name, sealed_file *file, int flags, int *out_flags, sealed_file *database) {
    int rc = real->xOpen(real, name, sealed_real_file(file), flags, out_flags);
    if (rc == SQLITE_OK) file->keys = sealed_keys_retain(database->keys);
    return rc;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *handle, int flags, int *out_flags) {
    (void)vfs;
    sealed_file *file = (sealed_file *)handle;
    int rc = SQLITE_CANTOPEN;
    // SQLite closes a file whose methods are set even if the open failed.
    handle->pMethods = NULL;
    // Temporary databases, sorters and statement journals have no name; they would hold plaintext.
    if (!name) return SQLITE_CANTOPEN;
    if (flags & SQLITE_OPEN_MAIN_DB) {
        sealed_entry *entry = sealed_entry_open(name);
        if (!entry) return SQLITE_CANTOPEN;
        if (sealed_entry_is_plain(entry)) {
            sealed_entry_close(entry);
            return real->xOpen(real, name, handle, flags, out_flags);
        }
        memset(file, 0, sizeof *file);
        file->entry = entry;
        file->kind = SEALED_KIND_DATABASE;
        file->use = sealed_entry_use(entry);
        if (file->use == SEALED_FIXED) flags = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
        // Without this promise SQLite pads its writes to sectors and splits pages.
        if (sqlite3_uri_boolean(name, "psow", 1)) rc = open_database(name, file, flags, out_flags);
        if (rc == SQLITE_OK) {
            handle->pMethods = &sealed_methods;
        } else {
            sealed_entry_close(entry);
        }
        return rc;
    }
    if (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) {
        sqlite3_file *database = sqlite3_database_file_object(name);
        if (!database || !database->pMethods) return SQLITE_CANTOPEN;
        if (database->pMethods != &sealed_methods) return real->xOpen(real, name, handle, flags, out_flags);
        if (flags & SQLITE_OPEN_WAL) {
            memset(file, 0, sizeof *file);
            file->kind = SEALED_KIND_WAL;
            rc = open_log(name, file, flags, out_flags, (sealed_file *)database);
            if (rc == SQLITE_OK) handle->pMethods = &sealed_methods;
            return rc;
        }
    }
    return SQLITE_CANTOPEN;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    (void)vfs;
    return real->xDelete(real, name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs;
    // There is none: the database is never written but through its log, and what lies there is somebody else's.
    const size_t length = strlen(name), end = sizeof "-journal" - 1;
    if (flags == SQLITE_ACCESS_EXISTS && length > end && strcmp(name + length - end, "-journal") == 0) {
        *out = 0;
        return SQLITE_OK;
    }
    return real->xAccess(real, name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
    (void)vfs;
    return real->xFullPathname(real, name, size, out);
}

static void *vfs_dl_open(sqlite3_vfs *vfs, const char *name) {
    (void)vfs;
    return real->xDlOpen(real, name);
}

static void vfs_dl_error(sqlite3_vfs *vfs, int size, char *message) {
    (void)vfs;
    real->xDlError(real, size, message);
}

static void (*vfs_dl_symbol(sqlite3_vfs *vfs, void *library, const char *symbol))(void) {
    (void)vfs;
    return real->xDlSym(real, library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *vfs, void *library) {
    (void)vfs;
    real->xDlClose(real, library);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    return real->xRandomness(real, size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return real->xSleep(real, microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    return real->xCurrentTime(real, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    return real->xGetLastError ? real->xGetLastError(real, size, out) : 0;
}

static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    return real->xCurrentTimeInt64(real, out);
}

static sqlite3_vfs sealed = {
    .zName = "sealed",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xDlOpen = vfs_dl_open,
    .xDlError = vfs_dl_error,
    .xDlSym = vfs_dl_symbol,
    .xDlClose = vfs_dl_close,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_time64,
};

int sealed_vfs_register(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int rc = SQLITE_OK;
    pthread_mutex_lock(&lock);
    if (!real) {
        sqlite3_vfs *below = sqlite3_vfs_find(NULL);
        if (sodium_init() < 0 || !below) {
            rc = SQLITE_ERROR;
        } else {
            sealed.iVersion = below->iVersion < 2 ? 1 : 2;
            sealed.szOsFile = (int)((sizeof(sealed_file) + 7) & ~(size_t)7) + below->szOsFile;
            sealed.mxPathname = below->mxPathname;
            real = below;
            rc = sqlite3_vfs_register(&sealed, 1);
            if (rc != SQLITE_OK) real = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

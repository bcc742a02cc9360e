// Attune
// SPDX-License-Identifier: Apache-2.0

#include "registry.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sealed_vfs.h"

struct sealed_entry {
    sealed_entry *next;
    char *path;
    uint8_t *root_key;  // NULL: plain, or removed
    int plain;
    int use;
    int references;
    int open_files;
    int takes_short_log;
    uint32_t bad_frame, frames;  // of the log, as last recovered
};

enum { PATH_LIMIT = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sealed_entry *entries;

int sealed_full_path(const char *path, char *out, int size) {
    sqlite3_vfs *real = sealed_real_vfs();
    if (!real || !path) return SQLITE_MISUSE;
    int rc = real->xFullPathname(real, path, size, out);
    return rc == SQLITE_OK_SYMLINK ? SQLITE_OK : rc;
}

static sealed_entry *find(const char *path) {
    for (sealed_entry *entry = entries; entry; entry = entry->next)
        if (!strcmp(entry->path, path)) return entry;
    return NULL;
}

static void release(sealed_entry *entry) {
    if (--entry->references) return;
    sodium_free(entry->root_key);
    free(entry->path);
    free(entry);
}

static int add(const char *path, const uint8_t *root_key) {
    char full[PATH_LIMIT];
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    uint8_t *key = NULL;
    if (root_key) {
        key = sodium_malloc(SEALED_KEY_SIZE);
        if (!key) return SQLITE_NOMEM;
        memcpy(key, root_key, SEALED_KEY_SIZE);
    }
    pthread_mutex_lock(&lock);
    sealed_entry *entry = find(full);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        char *copy = strdup(full);
        if (!entry || !copy) {
            pthread_mutex_unlock(&lock);
            free(entry);
            free(copy);
            sodium_free(key);
            return SQLITE_NOMEM;
        }
        entry->path = copy;
        entry->references = 1;
        entry->next = entries;
        entries = entry;
    }
    sodium_free(entry->root_key);
    entry->root_key = key;
    entry->plain = !key;
    pthread_mutex_unlock(&lock);
    return SQLITE_OK;
}

int sealed_vfs_add(const char *path, const uint8_t root_key[SEALED_KEY_SIZE]) {
    return root_key ? add(path, root_key) : SQLITE_MISUSE;
}

int sealed_vfs_allow_plain(const char *path) { return add(path, NULL); }

int sealed_vfs_set_use(const char *path, int use) {
    char full[PATH_LIMIT];
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    pthread_mutex_lock(&lock);
    sealed_entry *entry = find(full);
    if (entry) entry->use = use;
    pthread_mutex_unlock(&lock);
    return entry ? SQLITE_OK : SQLITE_NOTFOUND;
}

int sealed_vfs_remove(const char *path) {
    char full[PATH_LIMIT];
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    pthread_mutex_lock(&lock);
    sealed_entry **link = &entries;
    while (*link && strcmp((*link)->path, full)) link = &(*link)->next;
    sealed_entry *entry = *link;
    if (entry) {
        *link = entry->next;
        sodium_free(entry->root_key);
        entry->root_key = NULL;
        release(entry);
    }
    pthread_mutex_unlock(&lock);
    return entry ? SQLITE_OK : SQLITE_NOTFOUND;
}

sealed_entry *sealed_entry_open(const char *path) {
    pthread_mutex_lock(&lock);
    sealed_entry *entry = path ? find(path) : NULL;
    if (entry) {
        entry->references++;
        entry->open_files++;
    }
    pthread_mutex_unlock(&lock);
    return entry;
}

void sealed_entry_close(sealed_entry *entry) {
    if (!entry) return;
    pthread_mutex_lock(&lock);
    entry->open_files--;
    release(entry);
    pthread_mutex_unlock(&lock);
}

int sealed_entry_is_plain(const sealed_entry *entry) {
    pthread_mutex_lock(&lock);
    int plain = entry->plain;
    pthread_mutex_unlock(&lock);
    return plain;
}

int sealed_entry_use(const sealed_entry *entry) {
    pthread_mutex_lock(&lock);
    int use = entry->use;
    pthread_mutex_unlock(&lock);
    return use;
}

int sealed_entry_note_log(sealed_entry *entry, uint32_t bad, uint32_t count) {
    pthread_mutex_lock(&lock);
    entry->bad_frame = bad;
    entry->frames = count;
    int is_error = bad && !entry->takes_short_log;
    pthread_mutex_unlock(&lock);
    return is_error;
}

int sealed_vfs_log_damage(const char *path, uint32_t *bad_frame, uint32_t *frames) {
    char full[PATH_LIMIT];
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    pthread_mutex_lock(&lock);
    sealed_entry *entry = find(full);
    *bad_frame = entry ? entry->bad_frame : 0;
    *frames = entry ? entry->frames : 0;
    pthread_mutex_unlock(&lock);
    return entry ? SQLITE_OK : SQLITE_NOTFOUND;
}

int sealed_vfs_take_short_log(const char *path) {
    char full[PATH_LIMIT];
    int rc = sealed_full_path(path, full, sizeof full);
    if (rc != SQLITE_OK) return rc;
    pthread_mutex_lock(&lock);
    sealed_entry *entry = find(full);
    if (entry) entry->takes_short_log = 1;
    pthread_mutex_unlock(&lock);
    return entry ? SQLITE_OK : SQLITE_NOTFOUND;
}

int sealed_path_is_open(const char *path) {
    pthread_mutex_lock(&lock);
    sealed_entry *entry = find(path);
    int open = entry && entry->open_files > 0;
    pthread_mutex_unlock(&lock);
    return open;
}

sealed_keys *sealed_keys_derive(sealed_entry *entry, const uint8_t id[8]) {
    sealed_keys *keys = sodium_malloc(sizeof(sealed_keys));
    if (!keys) return NULL;
    pthread_mutex_lock(&lock);
    if (entry->root_key) {
        keys->references = 1;
        keys->entry = entry;
        memcpy(keys->id, id, 8);
        sealed_page_keys(entry->root_key, id, keys->page, keys->sum);
    } else {
        sodium_free(keys);
        keys = NULL;
    }
    pthread_mutex_unlock(&lock);
    return keys;
}

sealed_keys *sealed_keys_retain(sealed_keys *keys) {
    pthread_mutex_lock(&lock);
    keys->references++;
    pthread_mutex_unlock(&lock);
    return keys;
}

void sealed_keys_release(sealed_keys *keys) {
    if (!keys) return;
    pthread_mutex_lock(&lock);
    int last = --keys->references == 0;
    pthread_mutex_unlock(&lock);
    if (last) sodium_free(keys);
}

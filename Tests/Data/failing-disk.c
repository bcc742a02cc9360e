// Attune
// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a process, it lets calls that change the files of one folder fail, or read them, as a bad or full disk does.
//
//   DISK_FOLDER  the folder, an absolute path without symbolic links
//   DISK_FIRST   number of the first call that fails, from 1; 0 for none
//   DISK_LAST    number of the last one
//   DISK_ERROR   the value of errno
//   DISK_READS   1 where reading counts and fails too
//   DISK_LOG     a file that gets a line for each call: its number, its name, the file below the folder
//
// A write that fails has written half of its bytes.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

/// Counts a call on `path`; the error that it is to fail with, or 0.
static int fails(const char *call, const char *path) {
    const char *folder = getenv("DISK_FOLDER"), *log = getenv("DISK_LOG");
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length) || path[length] != '/') return 0;
    long index = atomic_fetch_add(&calls, 1) + 1;
    int error = index >= number("DISK_FIRST") && index <= number("DISK_LAST") ? (int)number("DISK_ERROR") : 0;
    int descriptor = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (descriptor >= 0) {
        char line[PATH_MAX + 64];
        int count = snprintf(line, sizeof line, "%ld %s %s%s\n", index, call, path + length + 1, error ? " fails" : "");
        syscall(SYS_write, descriptor, line, (size_t)count);
        syscall(SYS_close, descriptor);
    }
    return error;
}

static int fails_at(const char *call, int file) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = readlink(link, path, sizeof path - 1);
    errno = before;
    if (count <= 0) return 0;
    path[count] = 0;
    return fails(call, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITE_AT(name, offset_type)                                                                   \
    ssize_t name(int file, const void *bytes, size_t count, offset_type offset) {                     \
        int error = fails_at("write", file);                                                          \
        if (!error) return NEXT(name)(file, bytes, count, offset);                                    \
        if (count > 1) NEXT(name)(file, bytes, count / 2, offset);                                    \
        errno = error;                                                                                \
        return -1;                                                                                    \
    }

WRITE_AT(pwrite, off_t)
WRITE_AT(pwrite64, off64_t)

ssize_t write(int file, const void *bytes, size_t count) {
    int error = fails_at("write", file);
    if (!error) return NEXT(write)(file, bytes, count);
    if (count > 1) NEXT(write)(file, bytes, count / 2);
    errno = error;
    return -1;
}

ssize_t read(int file, void *bytes, size_t count) {
    int error = number("DISK_READS") ? fails_at("read", file) : 0;
    if (!error) return NEXT(read)(file, bytes, count);
    errno = error;
    return -1;
}

#define PLAIN(call, name, parameters, arguments, file)            \
    int name parameters {                                         \
        int error = fails_at(call, file);                         \
        if (!error) return NEXT(name) arguments;                  \
        errno = error;                                            \
        return -1;                                                \
    }

PLAIN("sync", fsync, (int file), (file), file)
PLAIN("sync", fdatasync, (int file), (file), file)
PLAIN("truncate", ftruncate, (int file, off_t size), (file, size), file)
PLAIN("truncate", ftruncate64, (int file, off64_t size), (file, size), file)

int posix_fallocate(int file, off_t start, off_t size) {
    int error = fails_at("allocate", file);
    return error ? error : NEXT(posix_fallocate)(file, start, size);
}

int rename(const char *from, const char *to) {
    int error = fails("rename", to);
    if (!error) return NEXT(rename)(from, to);
    errno = error;
    return -1;
}

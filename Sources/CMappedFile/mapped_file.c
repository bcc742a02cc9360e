// Attune
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapped_file {
    // Set while the map exists; what the signal handler compares addresses with.
    _Atomic uintptr_t start;
    _Atomic size_t size;
    _Atomic int damaged;
    atomic_flag taken;
    int descriptor;
    struct timespec changed;
    // The list only grows, so that the handler can walk it at any moment; closed entries are used again.
    struct mapped_file *next;
};

static _Atomic(mapped_file *) files;
static struct sigaction previous;
static size_t page_size;

// Replaces what the file no longer has by zeros: everything past its end, or one page that cannot be read.
// Only system calls and atomics: it runs inside the signal handler.
static int answer(mapped_file *file, uintptr_t address) {
    uintptr_t start = atomic_load(&file->start);
    size_t size = atomic_load(&file->size);
    if (start == 0 || address < start || address - start >= size) return 0;
    size_t from = (address - start) / page_size * page_size;
    size_t to = from + page_size;
    struct stat status;
    if (fstat(file->descriptor, &status) == 0 && status.st_size >= 0) {
        size_t end = ((size_t)status.st_size + page_size - 1) / page_size * page_size;
        if (end <= from) {
            from = end;
            to = (size + page_size - 1) / page_size * page_size;
        }
    }
    atomic_store(&file->damaged, 1);
    void *zeros = mmap(
        (void *)(start + from), to - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return zeros != MAP_FAILED;
}

static void handle(int number, siginfo_t *information, void *context) {
    int saved = errno;
    uintptr_t address = (uintptr_t)information->si_addr;
    // Only a fault of the processor has a positive code; a signal that somebody sent names no address.
    if (information->si_code > 0) {
        for (mapped_file *file = atomic_load(&files); file != NULL; file = file->next) {
            if (answer(file, address)) {
                errno = saved;
                return;
            }
        }
    }
    errno = saved;
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(number, information, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        // Returning repeats the access, which now ends the process; a sent signal is sent again.
        sigaction(number, &previous, NULL);
        if (information->si_code <= 0) raise(number);
    }
}

static void install(void) {
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

// An entry that no file uses, or a new one.
static mapped_file *take(void) {
    for (mapped_file *file = atomic_load(&files); file != NULL; file = file->next) {
        if (!atomic_flag_test_and_set(&file->taken)) return file;
    }
    mapped_file *file = calloc(1, sizeof *file);
    if (file == NULL) return NULL;
    atomic_flag_test_and_set(&file->taken);
    file->next = atomic_load(&files);
    while (!atomic_compare_exchange_weak(&files, &file->next, file)) {}
    return file;
}

mapped_file *mapped_file_open(const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return NULL;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
        close(descriptor);
        errno = EINVAL;
        return NULL;
    }
    size_t size = (size_t)status.st_size;
    void *address = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    mapped_file *file = address == MAP_FAILED ? NULL : take();
    if (file == NULL) {
        int reason = errno;
        if (address != MAP_FAILED) munmap(address, size);
        close(descriptor);
        errno = reason;
        return NULL;
    }
    file->descriptor = descriptor;
    file->changed = status.st_mtim;
    atomic_store(&file->damaged, 0);
    atomic_store(&file->size, size);
    atomic_store(&file->start, (uintptr_t)address);
    return file;
}

void mapped_file_close(mapped_file *file) {
    void *address = (void *)atomic_exchange(&file->start, 0);
    munmap(address, atomic_load(&file->size));
    close(file->descriptor);
    atomic_flag_clear(&file->taken);
}

const void *mapped_file_bytes(const mapped_file *file) { return (const void *)atomic_load(&file->start); }

size_t mapped_file_size(const mapped_file *file) { return atomic_load(&file->size); }

int32_t mapped_file_intact(const mapped_file *file) {
    struct stat status;
    return !atomic_load(&file->damaged) && fstat(file->descriptor, &status) == 0
        && (size_t)status.st_size == atomic_load(&file->size) && status.st_mtim.tv_sec == file->changed.tv_sec
        && status.st_mtim.tv_nsec == file->changed.tv_nsec;
}

void mapped_file_expect_random(const mapped_file *file, int32_t random) {
    madvise((void *)atomic_load(&file->start), atomic_load(&file->size), random ? MADV_RANDOM : MADV_NORMAL);
}

// The pages that hold a range: an address and a count of bytes.
static size_t pages(const mapped_file *file, size_t offset, size_t count, char **address) {
    size_t size = atomic_load(&file->size);
    if (offset > size) offset = size;
    if (count > size - offset) count = size - offset;
    size_t first = offset / page_size * page_size;
    *address = (char *)atomic_load(&file->start) + first;
    return (offset + count + page_size - 1) / page_size * page_size - first;
}

void mapped_file_load(const mapped_file *file, size_t offset, size_t count) {
    char *address;
    size_t bytes = pages(file, offset, count, &address);
    size_t start = offset / page_size * page_size, end = start + bytes, asked = start;
    // Linux 5.14 has it; before, and for pages that cannot be read, every page is touched.
    enum { POPULATE_READ = 22 };
    // One request is cut at the device's read-ahead, which is seldom less than 128 KiB.
    const size_t piece = (size_t)8 << 20, request = (size_t)128 << 10;
    for (size_t done = 0; done < bytes; done += piece) {
        // A map that expects random access would be read page by page: two pieces are under way before one is mapped.
        for (; asked < end && asked < start + done + 2 * piece; asked += request) {
            posix_fadvise(file->descriptor, (off_t)asked, (off_t)request, POSIX_FADV_WILLNEED);
        }
        size_t part = bytes - done < piece ? bytes - done : piece;
        if (madvise(address + done, part, POPULATE_READ) == 0) continue;
        for (size_t page = 0; page < part; page += page_size) (void)*(volatile char *)(address + done + page);
    }
}

void mapped_file_drop(const mapped_file *file, size_t offset, size_t count, int32_t cache) {
    char *address;
    size_t bytes = pages(file, offset, count, &address);
    madvise(address, bytes, MADV_DONTNEED);
    if (cache) posix_fadvise(file->descriptor, (off_t)offset, (off_t)count, POSIX_FADV_DONTNEED);
}

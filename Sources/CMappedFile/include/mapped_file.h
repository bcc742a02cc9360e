// Attune
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stddef.h>
#include <stdint.h>

// Files mapped read-only whose truncation does not end the process, and what of them lies in its memory.
// A page that the file no longer has is answered with zeros instead of SIGBUS, and the map is marked: who computed with
// it asks `mapped_file_intact` before keeping the result.

/// A file and its map. The descriptor stays open.
typedef struct mapped_file mapped_file;

/// Maps a regular file that is not empty; NULL with errno set, to EINVAL where it is something else.
mapped_file *mapped_file_open(const char *path);
/// Unmaps and closes.
void mapped_file_close(mapped_file *file);
const void *mapped_file_bytes(const mapped_file *file);
size_t mapped_file_size(const mapped_file *file);
/// 1 as long as every byte that was read was the file's, and the file has the size and the time of its last change that
/// it had when it was opened.
int32_t mapped_file_intact(const mapped_file *file);

/// Tells the kernel not to guess what is read next (1), or to guess as usual (0).
void mapped_file_expect_random(const mapped_file *file, int32_t random);
/// Reads a range of the file and maps its pages; returns when they are there, or cannot be had.
void mapped_file_load(const mapped_file *file, size_t offset, size_t count);
/// Takes a range out of the memory of this process, and with `cache` out of the memory of the system.
void mapped_file_drop(const mapped_file *file, size_t offset, size_t count, int32_t cache);

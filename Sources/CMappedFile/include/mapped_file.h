// Attune
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stddef.h>
#include <stdint.h>

// Files mapped read-only whose truncation does not end the process.
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

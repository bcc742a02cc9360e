// Attune
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sodium.h>
#include <spawn.h>
#include <sys/prctl.h>

/// Keeps other processes of the same user from attaching to this one, and the kernel from dumping it.
///
/// Here because `prctl` is variadic and is not imported into Swift. Returns 0, or -1 with `errno` set.
static inline int attune_set_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L); }

// GNU functions of glibc that its Swift module leaves out, declared here as its headers do under _GNU_SOURCE.
int pipe2(int ends[2], int flags);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

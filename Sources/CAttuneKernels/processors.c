// Attune
// SPDX-License-Identifier: Apache-2.0

// How many threads are worth having: min(CPUs of the affinity mask, quota of the control group, physical cores).

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int32_t attune_default_threads(void);

// Cores among the allowed CPUs, counting siblings once; the CPU count where the system does not tell.
static int32_t allowed_cores(void) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    int32_t cores = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        FILE *file = fopen(path, "r");
        int first = cpu;
        if (file) {
            if (fscanf(file, "%d", &first) != 1) first = cpu;
            fclose(file);
        }
        if (first < 0 || first >= CPU_SETSIZE || first == cpu || !CPU_ISSET(first, &allowed)) cores++;
    }
    return cores > 0 ? cores : 1;
}

static int32_t quota_of(const char *folder) {
    char path[4200], limit[32];
    long long period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *file = fopen(path, "r");
    if (!file) return INT32_MAX;
    int fields = fscanf(file, "%31s %lld", limit, &period);
    fclose(file);
    if (fields != 2 || period <= 0 || strcmp(limit, "max") == 0) return INT32_MAX;
    long long cpus = atoll(limit) / period;
    return cpus < 1 ? 1 : cpus > INT32_MAX ? INT32_MAX : (int32_t)cpus;
}

// The smallest quota of the process's control group and those above it.
static int32_t group_quota(void) {
    char line[4096], folder[4180];
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (!file) return INT32_MAX;
    int32_t quota = INT32_MAX;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(folder, sizeof folder, "/sys/fs/cgroup%s", line + 3);
        for (;;) {
            quota = (int32_t)attune_min(quota, quota_of(folder));
            char *slash = strrchr(folder, '/');
            if (!slash || strlen(folder) <= strlen("/sys/fs/cgroup")) break;
            *slash = 0;
        }
    }
    fclose(file);
    return quota;
}

int32_t attune_default_threads(void) { return (int32_t)attune_min(allowed_cores(), group_quota()); }

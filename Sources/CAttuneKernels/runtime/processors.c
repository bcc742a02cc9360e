// Attune
// SPDX-License-Identifier: Apache-2.0

// How many threads are worth having: min(CPUs of the affinity mask, quota of the control group, physical cores); and how
// many can run at all, which counts siblings of a core twice.

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/internal.h"

// CPUs that this process may run on; *cores of them where siblings count once, or all where the system does not tell.
static int32_t allowed_cpus(int32_t *cores) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    *cores = 1;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    int32_t count = 0;
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
        if (first < 0 || first >= CPU_SETSIZE || first == cpu || !CPU_ISSET(first, &allowed)) count++;
    }
    *cores = (int32_t)attune_max(1, count);
    return (int32_t)attune_max(1, CPU_COUNT(&allowed));
}

int32_t attune_quota_cpus(const char *text) {
    char *end;
    long long quota = strtoll(text, &end, 10);
    if (end == text || quota <= 0) return INT32_MAX;
    long long period = strtoll(end, &end, 10);
    if (period <= 0) return INT32_MAX;
    return (int32_t)attune_max(1, attune_min(INT32_MAX, quota / period));
}

static int32_t quota_of(const char *folder) {
    char path[4200], text[64];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    FILE *file = fopen(path, "r");
    if (!file) return INT32_MAX;
    int32_t cpus = fgets(text, sizeof text, file) ? attune_quota_cpus(text) : INT32_MAX;
    fclose(file);
    return cpus;
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

int32_t attune_default_threads(void) {
    int32_t cores;
    allowed_cpus(&cores);
    return (int32_t)attune_min(cores, group_quota());
}

int32_t attune_most_threads(void) {
    int32_t cores;
    return (int32_t)attune_min(allowed_cpus(&cores), group_quota());
}

// Attune
// SPDX-License-Identifier: Apache-2.0

// The maps of 8-bit moments (Dettmers, arXiv:1511.04561): seven decades with a fraction that grows by a bit in each.

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/internal.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static attune_dynamic_map maps[2];

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/// How many bounds are below x, or at it where `reached` says so.
static int bounds_below(const attune_dynamic_map *map, float x, int reached) {
    int count = 0;
    while (count < 255 && (map->bounds[count] < x || (reached && map->bounds[count] == x))) count++;
    return count;
}

static void make(attune_dynamic_map *map, int is_signed) {
    int count = 0;
    for (int decade = 0; decade < 7; decade++) {
        int parts = is_signed ? 1 << decade : 2 << decade;
        float power = (float)pow(10, decade - 6), step = (1.0f - 0.1f) / (float)parts;
        float low = 0.1f;
        for (int k = 1; k <= parts; k++) {
            // Both halves are counted from their own end, and each edge is rounded once, as the peers' `linspace` does.
            float high = k < (parts + 1) / 2 ? (float)((double)0.1f + (double)step * k)
                                             : (float)(1 - (double)step * (parts - k));
            float value = power * ((low + high) / 2);
            map->values[count++] = value;
            if (is_signed) map->values[count++] = -value;
            low = high;
        }
    }
    map->values[count++] = 0;
    map->values[count++] = 1;
    qsort(map->values, 256, sizeof(float), ascending);
    for (int i = 0; i < 255; i++) map->bounds[i] = (map->values[i] + map->values[i + 1]) / 2;
    map->bounds[255] = INFINITY;
    for (uint32_t bin = 0; bin < MAP_BINS; bin++) {
        float low = bin ? attune_float_of_bits((bin + MAP_LOWEST) << 16) : 0;
        float high = attune_float_of_bits((bin + MAP_LOWEST + 1) << 16);
        map->first[0][bin] = (uint8_t)bounds_below(map, low, 0);
        map->first[1][bin] = (uint8_t)bounds_below(map, -high, 1);
    }
}

static void make_both(void) {
    make(&maps[0], 0);
    make(&maps[1], 1);
}

const attune_dynamic_map *attune_dynamic_map_of(int is_signed) {
    pthread_once(&once, make_both);
    return &maps[is_signed != 0];
}

void attune_dynamic_map_values(int32_t is_signed, float *values) {
    const attune_dynamic_map *map = attune_dynamic_map_of(is_signed);
    for (int i = 0; i < 256; i++) values[i] = map->values[i];
}

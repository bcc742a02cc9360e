// Attune
// SPDX-License-Identifier: Apache-2.0
//
// The sealed form of one page and the mask over the checksums of the write-ahead log.

#include <sodium.h>
#include <string.h>

#include "sealed_vfs.h"

static const uint8_t magic[8] = {'A', 'T', 'T', 'U', 'N', 'D', 'B', 1};
static const uint8_t sqlite_magic[16] = "SQLite format 3";

enum { PREFIX = 16, AAD_SIZE = 17 };

static void put32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void associated_data(uint8_t aad[AAD_SIZE], const uint8_t id[8], int kind, uint32_t number) {
    memcpy(aad, "ATP1", 4);
    memcpy(aad + 4, id, 8);
    aad[12] = (uint8_t)kind;
    put32(aad + 13, number);
}

void sealed_page_keys(const uint8_t root_key[32], const uint8_t id[8], uint8_t page_key[32], uint8_t sum_key[16]) {
    uint64_t number = 0;
    for (int i = 7; i >= 0; i--) number = number << 8 | id[i];
    crypto_kdf_derive_from_key(page_key, 32, number, "ATdbpage", root_key);
    crypto_kdf_derive_from_key(sum_key, 16, number, "ATwalsum", root_key);
}

void sealed_page_seal(
    const uint8_t page_key[32], const uint8_t id[8], int kind, uint32_t number, const uint8_t nonce[24],
    const uint8_t page[SEALED_PAGE_SIZE], uint8_t out[SEALED_PAGE_SIZE]) {
    uint8_t aad[AAD_SIZE];
    associated_data(aad, id, kind, number);
    // The first 16 bytes of page 1 are a constant of SQLite; their place holds what is needed to open the rest.
    size_t start = number == 1 ? PREFIX : 0;
    if (start) {
        memcpy(out, magic, 8);
        memcpy(out + 8, id, 8);
    }
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
        out + start, out + SEALED_PAYLOAD_SIZE + SEALED_NONCE_SIZE, NULL, page + start, SEALED_PAYLOAD_SIZE - start, aad,
        sizeof aad, NULL, nonce, page_key);
    memcpy(out + SEALED_PAYLOAD_SIZE, nonce, SEALED_NONCE_SIZE);
}

int sealed_page_open(
    const uint8_t page_key[32], const uint8_t id[8], int kind, uint32_t number,
    const uint8_t sealed[SEALED_PAGE_SIZE], uint8_t out[SEALED_PAGE_SIZE]) {
    uint8_t aad[AAD_SIZE];
    associated_data(aad, id, kind, number);
    size_t start = number == 1 ? PREFIX : 0;
    if (start && (memcmp(sealed, magic, 8) || memcmp(sealed + 8, id, 8))) {
        sodium_memzero(out, SEALED_PAGE_SIZE);
        return -1;
    }
    if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
            out + start, NULL, sealed + start, SEALED_PAYLOAD_SIZE - start,
            sealed + SEALED_PAYLOAD_SIZE + SEALED_NONCE_SIZE, aad, sizeof aad, sealed + SEALED_PAYLOAD_SIZE,
            page_key)) {
        sodium_memzero(out, SEALED_PAGE_SIZE);
        return -1;
    }
    if (start) memcpy(out, sqlite_magic, PREFIX);
    // SQLite summed a page whose reserved bytes were zero, so a page read back has to have zeros there.
    memset(out + SEALED_PAYLOAD_SIZE, 0, SEALED_PAGE_SIZE - SEALED_PAYLOAD_SIZE);
    return 0;
}

void sealed_sum_mask(
    const uint8_t sum_key[16], uint8_t sum[8], const uint8_t salt[8], uint64_t frame_offset, int inverse) {
    uint32_t left = get32(sum), right = get32(sum + 4);
    uint8_t input[21], hash[crypto_shorthash_BYTES];
    memcpy(input + 5, salt, 8);
    put32(input + 13, (uint32_t)(frame_offset >> 32));
    put32(input + 17, (uint32_t)frame_offset);
    for (int step = 0; step < 4; step++) {
        input[0] = (uint8_t)(inverse ? 3 - step : step);
        put32(input + 1, inverse ? left : right);
        crypto_shorthash(hash, input, sizeof input, sum_key);
        uint32_t f = get32(hash);
        if (inverse) {
            uint32_t previous = right ^ f;
            right = left;
            left = previous;
        } else {
            uint32_t next = left ^ f;
            left = right;
            right = next;
        }
    }
    put32(sum, left);
    put32(sum + 4, right);
}

// The only place that decides which kernels run.
#include "internal.h"
#ifdef CK_X86
#include <cpuid.h>
#ifdef __linux__
// Of libc, whose headers are not there in every build.
long syscall(long number, ...);
enum { ARCH_PRCTL = 158, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
#endif
#endif
#ifdef CK_ARM
// Of Linux: libc's own header is not there in every build.
unsigned long getauxval(unsigned long type);
enum { CAPABILITIES = 16, DOT_PRODUCT = 1 << 20 };
#endif

#ifdef CK_X86
static int32_t leaf(unsigned number, unsigned sub, int at, int bit) {
    unsigned r[4] = {0};
    return __get_cpuid_count(number, sub, &r[0], &r[1], &r[2], &r[3]) && (r[at] >> bit & 1);
}

// AMD's family 26 reaches 40 to 90% of what memory gives when it is only hinted at what comes.
uint8_t ck_tiles_ahead[9];
__attribute__((constructor)) static void choose_distance(void) {
    unsigned a = 0, b = 0, c = 0, d = 0, signature = 0;
    enum { AUTH = 0x68747541 };
    if (__get_cpuid(0, &a, &b, &c, &d) && b == AUTH) __get_cpuid(1, &signature, &b, &c, &d);
    const int is_far = (signature >> 8 & 15) + (signature >> 20 & 255) >= 26;
    for (int bits = 0; bits <= 8; bits++) ck_tiles_ahead[bits] = (uint8_t)(is_far ? ck_far_tiles(bits) : ck_near_tiles(bits));
}

// AMX with bytes: leaf 7, edx bits 24 and 25. Linux gives the large registers only to a process that asks for them.
static int32_t has_tiles(void) {
#ifdef __linux__
    return leaf(7, 0, 3, 24) && leaf(7, 0, 3, 25) && syscall(ARCH_PRCTL, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return 0;
#endif
}
#endif

// NULL when this machine lacks it. `__builtin_cpu_supports` also checks that the operating system saves wide registers.
const ck_table_t *ck_table(int32_t isa) {
    if (isa == CK_SCALAR) return &ck_scalar_table;
#ifdef CK_X86
    __builtin_cpu_init();
    // F16C comes with every AVX2 processor, but is a bit of its own: leaf 1, ecx bit 29. AVX-VNNI: leaf 7.1, eax bit 4.
    const int32_t avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && leaf(1, 0, 2, 29);
    const int32_t avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                           __builtin_cpu_supports("avx512vnni");
    if (isa == CK_AVX2 && avx2) return &ck_avx2_table;
    if (isa == CK_AVX2_VNNI && avx2 && leaf(7, 1, 0, 4)) return &ck_avx2vnni_table;
    if (isa == CK_AVX512 && avx512) return &ck_avx512_table;
    const int32_t vbmi = avx512 && __builtin_cpu_supports("avx512vbmi");
    if (isa == CK_AVX512_VBMI && vbmi) return &ck_avx512vbmi_table;
    if (isa == CK_AMX && vbmi && has_tiles()) return &ck_amx_table;
#endif
#ifdef CK_ARM
    if (isa == CK_NEON) return &ck_neon_table;
    if (isa == CK_NEON_DOT && (getauxval(CAPABILITIES) & DOT_PRODUCT)) return &ck_neondot_table;
#endif
    return 0;
}

int32_t ck_best_isa(void) {
    int32_t isa = CK_ISA_COUNT - 1;
    while (isa > CK_SCALAR && !ck_table(isa)) isa--;
    return isa;
}

// 32 rows of bytes.
size_t ck_product_scratch_bytes(int32_t tiles) { return ck_activation_stride(tiles) * 32 + 64; }

size_t ck_arranged_bytes(int32_t tiles, int32_t tokens) { return ck_arranged_offset(tiles, (tokens + 15) / 16 * 16); }

int32_t ck_plane_bit(int32_t plane, int32_t row) { return ck_plane_bits[plane - 1][row & 7]; }

enum { POSITION_BLOCK = 64 };
size_t ck_attention_scratch_floats(int32_t tokens, int32_t heads, int32_t head_size, int32_t visible) {
    size_t positions = ((size_t)visible + (size_t)tokens + POSITION_BLOCK - 1) / POSITION_BLOCK * POSITION_BLOCK;
    const size_t rows = (size_t)tokens * (size_t)heads, widened = (size_t)POSITION_BLOCK * (size_t)head_size;
    // A query as bytes, with its factor and two sums, in batches of up to 6.
    const size_t queries = (rows + 5) * (2 * (((size_t)head_size + 3) / 4) + 3);
    return rows * positions + (queries > widened ? queries : widened) + 64;
}

void ck_pack(const uint8_t *codes, int32_t rows, int32_t columns, int32_t bits, uint8_t *const *planes) {
    int32_t tiles = (columns + 63) / 64;
    for (int32_t row = 0; row < rows; row++) {
        int32_t r = row & 7;
        for (int32_t t = 0; t < tiles; t++) {
            size_t tile = (size_t)(row >> 3) * (size_t)tiles + (size_t)t;
            const uint8_t *c = codes + (size_t)row * (size_t)columns + (size_t)t * 64;
            int32_t n = ck_min(64, columns - t * 64);
            uint8_t *base = planes[0] + tile * 128 + (r >> 2) * 64;
            for (int32_t i = 0; i < n; i++) base[i] |= (uint8_t)((c[i] >> (bits - 2) & 3) << 2 * (r & 3));
            for (int32_t bit = 3; bit <= bits; bit++) {
                uint8_t *plane = planes[bit - 2] + tile * 64;
                int32_t at = ck_plane_bits[bit - 3][r];
                for (int32_t i = 0; i < n; i++) plane[i] |= (uint8_t)((c[i] >> (bits - bit) & 1) << at);
            }
        }
    }
}

void ck_unpack(const uint8_t *const *planes, int32_t rows, int32_t columns, int32_t bits, uint8_t *codes) {
    int32_t tiles = (columns + 63) / 64;
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < columns; i++) {
            int32_t r = row & 7;
            size_t tile = (size_t)(row >> 3) * (size_t)tiles + (size_t)(i >> 6);
            uint8_t code = planes[0][tile * 128 + (size_t)(r >> 2) * 64 + (i & 63)] >> 2 * (r & 3) & 3;
            for (int32_t bit = 3; bit <= bits; bit++)
                code = (uint8_t)(code << 1 | (planes[bit - 2][tile * 64 + (i & 63)] >> ck_plane_bits[bit - 3][r] & 1));
            codes[(size_t)row * (size_t)columns + (size_t)i] = code;
        }
}

uint64_t ck_read_all(const void *bytes, size_t byte_count) {
    typedef uint64_t v8 __attribute__((vector_size(64), aligned(64)));
    const v8 *p = bytes;
    v8 a = {0}, b = {0}, c = {0}, d = {0};
    for (size_t i = 0; i + 4 <= byte_count / 64; i += 4) {
        __builtin_prefetch((const char *)(p + i) + 4096);
        __builtin_prefetch((const char *)(p + i) + 4160);
        __builtin_prefetch((const char *)(p + i) + 4224);
        __builtin_prefetch((const char *)(p + i) + 4288);
        a ^= p[i];
        b ^= p[i + 1];
        c ^= p[i + 2];
        d ^= p[i + 3];
    }
    a ^= b ^ c ^ d;
    return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

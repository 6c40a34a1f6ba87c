#include "degenerate.h"

const char *const kind_names[ALL_KINDS] = {
    "zero", "negative zero", "constant", "negative constant", "first only", "last only", "middle only", "two values",
    "three values", "few values", "runs", "ramp", "normal", "outlier", "huge constant", "huge values", "largest", "one huge",
    "tiny", "denormal", "least", "wide range", "NaN among", "all NaN", "infinite among",
};

static uint64_t state = 88172645463325252ull;
uint32_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}
int below(int n) { return (int)(next_random() % (uint32_t)n); }
float random_number(void) {
    float sum = 0;
    for (int i = 0; i < 6; i++) sum += (float)below(1 << 20) * 0x1p-20f - 0.5f;
    return sum;
}

void fill(float *x, int n, int kind) {
    static const float few[6] = {-1.5f, -0.25f, 0.0f, 0.125f, 0.75f, 2.0f};
    for (int i = 0; i < n; i++) {
        const float r = random_number();
        switch (kind) {
        case ZERO: x[i] = 0; break;
        case NEGATIVE_ZERO: x[i] = i & 1 ? -0.0f : 0.0f; break;
        case CONSTANT: x[i] = 0.4375f; break;
        case NEGATIVE_CONSTANT: x[i] = -0.1f; break;
        case FIRST_ONLY: x[i] = i ? 0 : -0.7f; break;
        case LAST_ONLY: x[i] = i == n - 1 ? 0.3f : 0; break;
        case MIDDLE_ONLY: x[i] = i == n / 2 ? 5 : 0.01f; break;
        case TWO_VALUES: x[i] = i & 1 ? 0.3f : -0.2f; break;
        case THREE_VALUES: x[i] = (float)below(3) - 1; break;
        case FEW_VALUES: x[i] = few[below(6)]; break;
        case RUNS: x[i] = few[(int64_t)i * 6 / n]; break;
        case RAMP: x[i] = (float)(i + 1) / (float)n; break;
        case NORMAL: x[i] = r; break;
        case OUTLIER: x[i] = i == n / 3 ? 1000 : r * 0.01f; break;
        case HUGE_CONSTANT: x[i] = 3e38f; break;
        case HUGE_VALUES: x[i] = r * 1e38f; break;
        case LARGEST: x[i] = i & 1 ? FLT_MAX : -FLT_MAX; break;
        case ONE_HUGE: x[i] = i == n / 2 ? -3e38f : r; break;
        case TINY: x[i] = r * 1e-36f; break;
        case DENORMAL: x[i] = r * 1e-40f; break;
        case LEAST: x[i] = i & 1 ? 0x1p-149f : -0x1p-149f; break;
        case WIDE_RANGE: x[i] = ldexpf(r, i * 200 / n - 120); break;
        case NAN_AMONG: x[i] = i == n / 2 ? NAN : r; break;
        case ALL_NAN: x[i] = NAN; break;
        default: x[i] = i == n / 2 ? -INFINITY : r; break;
        }
    }
}

void *blank(size_t byte_count) {
    void *bytes = NULL;
    if (posix_memalign(&bytes, 64, byte_count ? byte_count : 1)) abort();
#ifndef TAPER_MSAN
    // A pattern that shows in results; the memory sanitizer must see it as unwritten.
    memset(bytes, 0xA5, byte_count);
#endif
    return bytes;
}
float *made(int n, int kind) {
    float *x = blank(4 * (size_t)n);
    fill(x, n, kind);
    return x;
}
void *copy_of(const void *bytes, size_t byte_count) {
    void *copy = blank(byte_count);
    memcpy(copy, bytes, byte_count);
    return copy;
}

static long checks, failures;
void expect(int holds, const char *what, const char *kind, int a, int b, int c) {
    checks++;
    if (holds) return;
    if (failures++ < 400) printf("%s: %s (%d, %d, %d)\n", kind, what, a, b, c);
}
void expect_written(const void *bytes, size_t byte_count) {
    checks++;
#ifdef TAPER_MSAN
    __msan_check_mem_is_initialized(bytes, byte_count);
#else
    (void)bytes, (void)byte_count;
#endif
}
int same_numbers(const float *a, const float *b, int n) {
    for (int i = 0; i < n; i++)
        if (memcmp(a + i, b + i, 4) && !(isnan(a[i]) && isnan(b[i]))) return 0;
    return 1;
}

int main(void) {
    try_quantization();
    try_joint();
    try_products();
    try_lanes();
    try_attention();
    try_gradients();
    try_screen();
    printf("%ld checks, %ld failures\n", checks, failures);
    return failures || !checks;
}

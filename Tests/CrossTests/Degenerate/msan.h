// Included before everything else where the memory sanitizer builds: it takes a permutation of two written vectors for unwritten
// (clang 21). The same permutation in pieces that it knows. Nor does it know what tile registers and their shapes write.
#if defined(__x86_64__)
#include <immintrin.h>
#define _mm512_permutex2var_epi8(a, index, b)                                                             \
    _mm512_mask_blend_epi8(_mm512_test_epi8_mask(index, _mm512_set1_epi8(64)), _mm512_permutexvar_epi8(index, a), \
                           _mm512_permutexvar_epi8(index, b))
#include <sanitizer/msan_interface.h>
#undef _tile_stored
#define _tile_stored(tile, to, stride) (__builtin_ia32_tilestored64(tile, to, stride), __msan_unpoison(to, 16 * (stride)))
#define _tile_storeconfig(to) (_tile_storeconfig(to), __msan_unpoison(to, 64))
#endif

// Elementwise work of the backward pass and of its losses: one row at a time, no allocation, no I/O.
//
// Written on 16 lanes and compiled for several instruction sets. Multiplications and additions are never fused and
// every sum has one order (element i in lane i % 16), so all of them give the same bits.
#ifndef TAPER_CGRADIENT_H
#define TAPER_CGRADIENT_H
#include <stdint.h>

enum { CG_SILU, CG_GELU_TANH, CG_GELU };

typedef struct {
    // out = activation(gate) * up; without `up` out = activation(gate). `out` may be an input.
    void (*activate)(int32_t kind, const float *gate, const float *up, int32_t count, float *out);
    // d holds the gradient of that output; afterwards it holds the output itself, `gate` the gradient of gate and `up`
    // that of up.
    void (*activate_backward)(int32_t kind, float *gate, float *up, int32_t count, float *d);
    // y = (x - mean) / sqrt(variance + epsilon) * weight, or without centring x / sqrt(mean(x^2) + epsilon) * weight.
    // Adds the gradient of x to dx, and unless NULL that of weight to d_weight and that of an added bias to d_bias.
    void (*norm_backward)(const float *x, const float *weight, const float *dy, float epsilon, int32_t centred,
                          int32_t count, float *dx, float *d_weight, float *d_bias);
    // The same of heads side by side, each with statistics of its own: x and d are [heads][head_size], the weight of head h
    // starts at weight + h * weight_stride (0: one for all). d is the gradient of the output and becomes that of x: nothing is
    // added to. Unless NULL, the weight's gradient is added to d_weight, laid out as the weight.
    void (*head_norm_backward)(const float *x, const float *weight, int64_t weight_stride, float epsilon, int32_t centred,
                               int32_t heads, int32_t head_size, float *d, float *d_weight);
    // x = cap * tanh(x / cap), to about 4 ulp; cap > 0.
    void (*cap)(float *x, int32_t count, float cap);
    // d *= 1 - (capped / cap)^2, where `capped` is what `cap` left: the factor is true to 3e-7 of its largest value, 1.
    void (*cap_backward)(const float *capped, float cap, int32_t count, float *d);
    // x[first ..< seen] becomes its softmax, x[0 ..< first] and x[seen ..< count] become 0.
    void (*softmax)(float *x, int32_t first, int32_t seen, int32_t count);
    // p is a softmax, d the gradient of p; afterwards d is the gradient of the softmax's input.
    void (*softmax_backward)(const float *p, int32_t count, float *d);
    // x holds logits; returns -log softmax(x)[target] and leaves factor * its gradient in x.
    double (*cross_entropy)(float *x, int32_t target, float factor, int32_t count);
    // Returns KL(softmax(reference) || softmax(x)) and leaves factor * its gradient with respect to x in x.
    double (*divergence)(float *x, const float *reference, float factor, int32_t count);
    // into += x^2.
    void (*add_squares)(const float *x, int32_t count, float *into);
    // into[i] += sum over rows of x[row * stride + i].
    void (*add_rows)(const float *x, int32_t rows, int64_t stride, int32_t count, float *into);
} cg_table_t;

// isa: an instruction set of CKernels. NULL when this machine lacks it.
const cg_table_t *cg_table(int32_t isa);
#endif

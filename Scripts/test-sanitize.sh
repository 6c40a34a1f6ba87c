#!/bin/sh
# Feeds degenerate matrices to all C of quantization, kernels and gradients, built once with the address and undefined behaviour
# sanitizers and once with the memory sanitizer: reads beyond buffers or of what nobody wrote, and undefined arithmetic, end the run.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=Tests/CrossTests/Degenerate

# run NAME SANITIZERS [OPTION...]: builds everything with them, and runs it.
run() {
    objects=$work/$1
    flags="-g -O1 -fno-omit-frame-pointer -fsanitize=$2 -fno-sanitize-recover=all -ffp-contract=off -fno-math-errno -Wall -Wextra
        -Wno-psabi -Werror -ISources/C/CQuantization/include -ISources/C/CKernels/include -ISources/C/CGradient/include"
    shift 2
    mkdir "$objects"
    # Every instruction set of joint.c gets names of its own.
    sets=plain:
    [ "$(uname -m)" = x86_64 ] && sets="plain: avx2:avx2 avx512:avx512f"
    for set in $sets; do
        name=${set%%:*}
        target=${set#*:}
        # shellcheck disable=SC2086 # flags are several words
        clang $flags "$@" "-DCLONES=${target:+__attribute__((target(\"$target\")))}" \
            "-Dcq_joint_rows=cq_joint_rows_$name" "-Dcq_joint_scratch_bytes=cq_joint_scratch_bytes_$name" \
            "-Dcq_feedback_rows=cq_feedback_rows_$name" "-Dcq_feedback_finish=cq_feedback_finish_$name" \
            -c Sources/C/CQuantization/joint.c -o "$objects/joint-$name.o"
    done
    # shellcheck disable=SC2086
    clang $flags "$@" "$tests"/*.c Sources/C/CQuantization/row.c Sources/C/CQuantization/rounding.c Sources/C/CQuantization/tables.c \
        Sources/C/CKernels/*.c "$objects"/*.o -fuse-ld=lld -lm -o "$objects/degenerate"
    # Leaks of the test program are not what is looked for.
    ASAN_OPTIONS=detect_leaks=0 "$objects/degenerate"
}

# Side by side. A sanitizer that the compiler lacks fails at its link.
run address address,undefined,float-cast-overflow >"$work/address.log" 2>&1 &
first=$!
run memory memory -include "$tests/msan.h" >"$work/memory.log" 2>&1 &
second=$!
status=0
wait "$first" || status=1
wait "$second" || status=1
for name in address memory; do
    echo "-- $name"
    cat "$work/$name.log"
done
exit "$status"

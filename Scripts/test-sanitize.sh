#!/bin/sh
# Feeds degenerate matrices to all C of quantization, kernels and gradients, built once with the address and undefined behaviour
# sanitizers and once with the memory sanitizer: reads beyond buffers or of what nobody wrote, and undefined arithmetic, end the run.
# Joint codes do not depend on how many panels of columns hear of moves together: the builds differ in that, and must agree.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=Tests/CrossTests/Degenerate

# run NAME SANITIZERS [OPTION...]: builds everything with them, and runs it.
run() {
    objects=$work/$1
    flags="-g -O1 -fno-omit-frame-pointer -fsanitize=$2 -fno-sanitize-recover=all -ffp-contract=off -fno-math-errno -Wall -Wextra
        -Wno-psabi -Werror -DCQ_PIECE=64 -ISources/C/CQuantization/include -ISources/C/CKernels/include -ISources/C/CGradient/include"
    shift 2
    mkdir "$objects"
    # shellcheck disable=SC2086 # flags are several words
    clang $flags "$@" "$tests"/*.c Sources/C/CQuantization/*.c Sources/C/CGradient/*.c Sources/C/CKernels/*.c \
        -fuse-ld=lld -lm -o "$objects/degenerate"
    # Leaks of the test program are not what is looked for.
    ASAN_OPTIONS=detect_leaks=0 "$objects/degenerate"
}

# Side by side. A sanitizer that the compiler lacks fails at its link.
run address address,undefined,float-cast-overflow -DCQ_GROUP=1 >"$work/address.log" 2>&1 &
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
# Both lines are one.
if [ "$(grep -h '^joint codes' "$work"/*.log | sort -u | wc -l)" != 1 ]; then
    echo "joint codes depend on how many panels are a group" >&2
    status=1
fi
exit "$status"

#!/bin/sh
# Runs the arm64 kernels and the arm64 runner in an emulator: every kernel against its scalar twin, on a processor with and on
# one without the dot product, and whole generations against the same ones on this machine.
set -eu
cd "$(dirname "$0")/.."
root=$(Scripts/arm64-libraries.sh)
runner=build/taper-run-arm64
taper=.build/release/taper
[ -x "$runner" ] || Scripts/build-runner.sh "$runner" arm64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cross=/usr/aarch64-linux-gnu
gcc=/usr/lib/gcc-cross/aarch64-linux-gnu/12
clang --target=aarch64-linux-gnu --sysroot=/ -B$gcc -L$gcc -B$cross/lib -L$cross/lib -isystem $cross/include -fuse-ld=lld -static \
    -O2 -ffp-contract=off -fno-math-errno -Wno-psabi -ISources/C/CKernels/include \
    Tests/CrossTests/twins.c Sources/C/CKernels/*.c -lm -o "$work/twins"
qemu-aarch64-static -cpu max "$work/twins" 100
qemu-aarch64-static -cpu cortex-a57 "$work/twins" 100

# What a confined runner may ask of the kernel there; the emulator itself refuses filters.
# shellcheck disable=SC2086
Scripts/test-confinement.sh tables qemu-aarch64-static clang --target=aarch64-linux-gnu --sysroot=/ -B$gcc -L$gcc -B$cross/lib \
    -L$cross/lib -isystem $cross/include -fuse-ld=lld -static

# The sample model, by both machines' programs. The texts must be equal to the byte.
[ -x "$taper" ] || swift build -c release --product taper >&2
[ -x .build/release/taper-run ] || swift build -c release --product taper-run >&2
"$taper" convert samples/tiny -o "$work/tiny.taper" --quiet
count=0
for cpu in max cortex-a57; do
    for options in "--bits 6" "--bits 4" "--bits 3" "--bits 2" "--switch 6@0,4@8,3@16,2@24" "--switch 6@0,3@10 -t 2 --temp 0.8 --seed 7"; do
        # shellcheck disable=SC2086 # options are several words
        .build/release/taper-run -m "$work/tiny.taper" -p "Who was Noah?" -n 40 --ignore-eos -q $options >"$work/here"
        # shellcheck disable=SC2086
        qemu-aarch64-static -cpu $cpu "$runner" -m "$work/tiny.taper" -p "Who was Noah?" -n 40 --ignore-eos -q $options >"$work/there"
        cmp "$work/here" "$work/there" || {
            echo "error: $cpu $options: the emulated runner writes another text" >&2
            exit 70
        }
        [ -s "$work/here" ] || {
            echo "error: $options: no text" >&2
            exit 70
        }
        count=$((count + 1))
    done
done

# Every kind of block, by the static runner of this machine and by the emulated one, at the bundle's highest precision.
[ -x build/taper-run ] || Scripts/build-runner.sh build/taper-run
for bundle in formats/golden/families/*.taper; do
    for program in "build/taper-run" "qemu-aarch64-static -cpu max $runner" "qemu-aarch64-static -cpu cortex-a57 $runner"; do
        .build/release/taper-run -m "$bundle" -p "A small text." -n 24 --ignore-eos -q >"$work/here"
        $program -m "$bundle" -p "A small text." -n 24 --ignore-eos -q >"$work/there"
        cmp "$work/here" "$work/there" && [ -s "$work/here" ] || {
            echo "error: $bundle: $program writes another text, or none" >&2
            exit 70
        }
        count=$((count + 1))
    done
done
echo "$count generations equal on arm64 and here" >&2

#!/bin/sh
# Builds taper-run as a fully static, stripped program: Embedded Swift, linked with clang and lld.
#
#   Scripts/build-runner.sh [output [arm64]]          default: build/taper-run for this machine
#
# Fails when the program is larger than 1.75 MB, has dynamic dependencies, or does not run: in an empty root directory on
# this machine, in an emulator for arm64.
set -eu
cd "$(dirname "$0")/.."
output=${1:-build/taper-run}
architecture=${2:-native}
limit=1790000

# The toolchain's own clang and lld, and the folder of the embedded libraries, from what the compiler says of itself.
info=$(swiftc -print-target-info)
field() { printf '%s\n' "$info" | sed -n "s/^ *\"$1\": *\"\(.*\)\".*/\1/p" | head -n 1; }
resources=$(field runtimeResourcePath)
case $architecture in
native)
    triple=$(field unversionedTriple)
    # Its own folder: the compiler keeps objects whose code did not change, whatever the section flags say.
    scratch=${TAPER_SCRATCH:-.build-runner}
    ;;
arm64)
    triple=aarch64-none-none-elf
    scratch=${TAPER_SCRATCH:-.build-runner-arm64}
    ;;
*)
    echo "error: architecture $architecture; expected arm64 or nothing" >&2
    exit 64
    ;;
esac
embedded=$resources/embedded/$triple
if [ ! -f "$embedded/libswiftUnicodeDataTables.a" ]; then
    echo "error: $embedded: no embedded Swift libraries for $triple; expected libswiftUnicodeDataTables.a." \
        "Install a swift.org toolchain, 6.2 or later" >&2
    exit 66
fi
clang=$(dirname "$(dirname "$(dirname "$resources")")")/usr/bin/clang
[ -x "$clang" ] || clang=$(dirname "$(dirname "$resources")")/../bin/clang
[ -x "$clang" ] || clang=clang

if [ "$architecture" = arm64 ]; then
    root=$(Scripts/arm64-libraries.sh)
    cross=/usr/aarch64-linux-gnu
    gcc=/usr/lib/gcc-cross/aarch64-linux-gnu/12
    set -- --triple "$triple" -Xcc -isystem -Xcc "$root/usr/include" -Xcc -isystem -Xcc "$cross/include"
    target="--target=aarch64-linux-gnu --sysroot=/ -B$gcc -L$gcc -B$cross/lib -L$cross/lib -L$root/usr/lib/aarch64-linux-gnu"
    headers="-isystem $cross/include"
    zstd=$root/usr/lib/aarch64-linux-gnu/libzstd.a
else
    set --
    target=""
    headers=""
    zstd=$("$clang" -print-file-name=libzstd.a)
fi
# One section per function and per datum, so that the linker drops what the runner never calls (zstd's compressor,
# the bundle's writer).
TAPER_EMBEDDED=1 swift build -c release --target taper-run --scratch-path "$scratch" "$@" \
    -Xswiftc -Xfrontend -Xswiftc -function-sections -Xcc -ffunction-sections -Xcc -fdata-sections >&2

objects=$scratch/$triple/release
mkdir -p "$(dirname "$output")"
# By source file, because objects of deleted sources stay in the folder.
set --
for module in CPlatform CKernels Storage Model Kernels Bundle Text Decoding Runtime Chat taper-run; do
    for source in Sources/*/"$module"/*.c Sources/*/"$module"/*.swift Sources/*/"$module"/*/*.swift; do
        [ -f "$source" ] || continue
        set -- "$@" "$objects/$(echo "$module" | tr - _).build/$(basename "$source").o"
    done
done
# Decoders of zstd's formats from before 1.0: Storage refuses their frames by the magic number.
for symbol in $(nm "$zstd" 2>/dev/null | sed -n 's/^ *U \(\(ZSTD\|ZBUFF\|HUF\|FSE\)v0[0-9a-zA-Z_]*\)$/\1/p' | sort -u); do
    set -- "$@" "-Wl,--defsym,$symbol=abort"
done
link() {
    # shellcheck disable=SC2086 # flags, not a name
    "$clang" $target -static -fuse-ld=lld -Wl,--gc-sections -Wl,--icf=all -Wl,--defsym,main=taper_run_main -Wl,-s \
        -Wl,--no-eh-frame-hdr -Wl,-T,Scripts/runner.ld \
        "$@" -L"$embedded" -lswiftUnicodeDataTables -lzstd -ljson-c -lm -o "$output.new"
}
# shellcheck disable=SC2086
"$clang" $target $headers -Os -fno-builtin -c Scripts/runner-libc.c -o "$objects/runner-libc.o"
# Another C library may divide its functions among files in another way; then it is linked as it is.
link "$@" "$objects/runner-libc.o" 2>"$objects/link.log" || {
    echo "note: linking the whole C library; $objects/link.log says why" >&2
    link "$@"
}

fail() {
    rm -f "$output.new"
    echo "error: $1" >&2
    exit 70
}
size=$(wc -c <"$output.new")
[ "$size" -le "$limit" ] || fail "$output: $size bytes; expected at most $limit"
if readelf -d "$output.new" 2>/dev/null | grep -q NEEDED; then fail "$output: not static"; fi

# An empty root with nothing but the program. Without the right to make one, running it at all must do.
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
cp "$output.new" "$empty/taper-run"
if [ "$architecture" = arm64 ]; then
    version=$(qemu-aarch64-static "$empty/taper-run" --version) || fail "$output: does not run in the emulator"
elif chroot / true 2>/dev/null; then
    version=$(chroot "$empty" /taper-run --version) || fail "$output: does not run in an empty root"
elif unshare -r chroot / true 2>/dev/null; then
    version=$(unshare -r chroot "$empty" /taper-run --version) || fail "$output: does not run in an empty root"
else
    echo "note: this machine does not let us make an empty root; running in the ordinary one" >&2
    version=$(env -i "$empty/taper-run" --version) || fail "$output: does not run"
fi
mv "$output.new" "$output"
echo "$output: $version, $size bytes, static" >&2

#!/bin/sh
# Builds all fuzz targets as one program, .build-fuzz/taper-fuzz: Swift and C for libFuzzer under the address sanitizer, C under the
# undefined behaviour sanitizer as well. The runtimes come with the toolchain.
set -eu
cd "$(dirname "$0")/.."
scratch=.build-fuzz
# Dependencies that an ordinary build fetched need not be fetched again.
mkdir -p $scratch
if [ ! -d $scratch/checkouts ] && [ -d .build/checkouts ]; then
    cp -a .build/checkouts .build/repositories .build/workspace-state.json $scratch/
fi
TAPER_FUZZ_BUILD=1 swift build -c release --product taper-fuzz --scratch-path $scratch --sanitize address --sanitize fuzzer \
    -Xcc -fsanitize=fuzzer-no-link,undefined -Xcc -fno-sanitize-recover=undefined -Xcc -fno-sanitize=vptr,function \
    >$scratch/build.log 2>&1 || {
    # Of the linker's thousand warnings about symbols of the sanitizer none matters.
    grep -v 'Cannot export local symbol' $scratch/build.log >&2
    exit 70
}
cp $scratch/release/taper-fuzz $scratch/taper-fuzz

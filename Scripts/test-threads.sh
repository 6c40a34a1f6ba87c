#!/bin/sh
# Thread pool, kernels, engine, batches of generations, library and server under the thread sanitizer, C included: a race that it
# sees fails the run, with both places; Tests/Threads/races.py says which it passes over. Tests that start other programs are left
# out; those have no sanitizer in them.
#
#   Scripts/test-threads.sh [FILTER...]        of names of tests; default: the suites that work on several threads
set -eu
cd "$(dirname "$0")/.."
scratch=.build-threads
# Dependencies that an ordinary build fetched need not be fetched again.
mkdir -p $scratch
if [ ! -d $scratch/checkouts ] && [ -d .build/checkouts ]; then
    cp -a .build/checkouts .build/repositories .build/workspace-state.json $scratch/
fi
export TAPER_TESTS="Kernels Decoding Runtime TaperRuntime Server"
swift build --build-tests --sanitize thread --scratch-path $scratch >$scratch/build.log 2>&1 || {
    grep -E 'error' $scratch/build.log >&2 || tail -40 $scratch/build.log >&2
    exit 70
}
[ $# -gt 0 ] || set -- KernelsTests.ThreadPoolTests KernelsTests.ProductGroupsTests RuntimeTests.DecodeBatchTests \
    RuntimeTests.KeyValueCacheTests DecodingTests TaperRuntimeTests ServerTests
filters=""
for name in "$@"; do filters="$filters --filter $name"; done
# Some tests ask for more memory than there is, some for more tokens than there is time without optimization.
# shellcheck disable=SC2086 # filters are several words
TSAN_OPTIONS="allocator_may_return_null=1 symbolize=0 exitcode=0" \
    swift test --skip-build --sanitize thread --scratch-path $scratch --skip ServeProgramTests --skip TheRunners \
    --skip piecesMakeTheAnswer --skip tenThousand --skip answersOfAModelParse --skip aStreamThatNobodyReads $filters \
    >$scratch/test.log 2>&1 || status=$?
grep -E '^✘|Test run with' $scratch/test.log || tail -40 $scratch/test.log
Tests/Threads/races.py $scratch/test.log
exit "${status:-0}"

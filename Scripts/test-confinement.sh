#!/bin/sh
# What a confined runner and server may ask of the kernel: the filter's tables, and a process that tries. `tables` with a compiler
# and an emulator looks at another machine's tables alone:
#
#   Scripts/test-confinement.sh [tables "EMULATOR" COMPILER...]
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
emulator=""
mode=all
if [ "${1:-}" = tables ]; then
    mode=tables
    emulator=$2
    shift 2
else
    set -- clang
fi
"$@" -O1 -Wall -Wextra -Werror -ISources/C/CPlatform/include Tests/CrossTests/Confined/confined.c -pthread -o "$work/confined"
$emulator "$work/confined" $mode

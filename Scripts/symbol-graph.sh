#!/bin/sh
# Writes the public symbols of a built module as a symbol graph: what DocC reads and the test of the public interface compares.
#
#   Scripts/symbol-graph.sh MODULE BUILD_FOLDER OUTPUT_FOLDER          such as TaperRuntime .build/release build/symbols
set -eu
cd "$(dirname "$0")/.."
module=$1 build=$2 output=$3
set --
for map in "$build"/*.build/module.modulemap Sources/C/CZstd/module.modulemap Sources/C/CJSON/module.modulemap; do
    # Only ours: dependencies of the programs have module maps too.
    case $map in "$build"/C*.build/*|Sources/*) set -- "$@" -Xcc "-fmodule-map-file=$map" ;; esac
done
mkdir -p "$output"
exec "${SWIFT:-swift}" symbolgraph-extract -module-name "$module" -I "$build/Modules" -minimum-access-level public \
    -skip-synthesized-members -target "$(uname -m)-unknown-linux-gnu" -output-dir "$output" "$@"

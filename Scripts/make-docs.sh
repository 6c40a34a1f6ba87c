#!/bin/sh
# The documentation of the libraries, as DocC archives in build/docs. Warnings are errors: a link that leads nowhere stops it.
#
#   Scripts/make-docs.sh [BUILD_FOLDER]          where the modules are built; default: .build/release
set -eu
cd "$(dirname "$0")/.."
build=${1:-.build/release}
mkdir -p build/docs
for module in TaperRuntime TaperConvert; do
    rm -rf "build/symbols/$module" "build/docs/$module.doccarchive"
    Scripts/symbol-graph.sh "$module" "$build" "build/symbols/$module"
    docc convert "Sources/Library/$module/$module.docc" --additional-symbol-graph-dir "build/symbols/$module" \
        --fallback-display-name "$module" --fallback-bundle-identifier "taper.$module" --fallback-bundle-version 1 \
        --output-path "build/docs/$module.doccarchive" --warnings-as-errors
    test -f "build/docs/$module.doccarchive/data/documentation/$(echo "$module" | tr '[:upper:]' '[:lower:]').json"
    echo "build/docs/$module.doccarchive" >&2
done

#!/bin/bash
# The plots of docs/simulation.md: Scripts/simulate-plots.sh TAPER
set -euo pipefail
taper=$1
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p docs/simulation
"$taper" simulate samples/shapes/vicuna-7b.json --hardware samples/hardware/edge-npu-2tops.json --schedule 3@0,2@99 \
    --learned 3,2:0.31,0.27,0.23,0.19 -p 512 -n 256 --report "$folder" --quiet > /dev/null
for plot in time roofline timeline; do cp "$folder/simulate-$plot.svg" "docs/simulation/$plot.svg"; done
echo "drawn docs/simulation"

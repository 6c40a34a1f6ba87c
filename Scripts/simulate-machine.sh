#!/bin/bash
# A bundle's decode steps on this machine, measured by the runner and simulated from what its parts do by themselves:
#     Scripts/simulate-machine.sh TAPER BUNDLE [THREADS] [RUNS] [SCHEDULE]
# Prints the table; build/simulation keeps description, benchmark and comparison. Exit code 2 where counts differ.
set -euo pipefail
if [ $# -lt 2 ] || [ -z "$2" ]; then
    echo "usage: Scripts/simulate-machine.sh TAPER BUNDLE [THREADS] [RUNS] [SCHEDULE]" >&2
    exit 64
fi
taper=$1 bundle=$2 threads=${3:-1} runs=${4:-9} schedule=${5:-}
folder=$(dirname "$0")/../build/simulation
mkdir -p "$folder"
"$taper" bench "$bundle" -p 0 -n 64 -d 64 -r "$runs" -t "$threads" -o json ${schedule:+--schedule "$schedule"} \
    --describe "$folder/this.json" > "$folder/bench.json"
"$taper" simulate "$bundle" --hardware "$folder/this.json" --measured "$folder/bench.json" --report "$folder"

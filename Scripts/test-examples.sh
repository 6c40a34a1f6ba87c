#!/bin/sh
# Taper as other packages take it: the examples, built outside this folder against a tagged version by its address, which is
# stricter than the folder above that their manifest names, and run on the sample checkpoint.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
scratch=$root/${TAPER_SCRATCH:-.build-examples}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf 'examples: %s\n' "$1" >&2; }

# The working tree as a repository with a version, and the examples as somebody else's package.
mkdir "$work/taper"
git ls-files -z --cached --others --exclude-standard -- Package.swift Sources | tar -c --null -T - | tar -x -C "$work/taper"
git -C "$work/taper" init -q
git -C "$work/taper" add -A
git -C "$work/taper" -c user.name=test -c user.email=test@localhost commit -q -m version
git -C "$work/taper" tag 9.9.9
cp -R Examples "$work/outside"
rm -rf "$work/outside/.build" "$work/outside/Package.resolved"

# As they stand they depend on the folder above.
swift package --package-path Examples --scratch-path "$work/by-path" show-dependencies --format json 2>"$work/log" |
    grep -qF "\"$root\"" || { say "the examples do not depend on the folder above"; exit 1; }

say "build outside, by address and version"
TAPER_URL="file://$work/taper" TAPER_VERSION=9.9.9 swift build --package-path "$work/outside" --scratch-path "$scratch" \
    --disable-index-store -Xswiftc -gnone >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
if grep -q "warning:" "$work/log"; then
    grep "warning:" "$work/log" >&2
    say "somebody else's build shows warnings of Taper"
    exit 1
fi
programs=$scratch/debug
bundle=$work/tiny.taper

# expect NAME TEXT COMMAND...: what it prints has the text in it.
expect() {
    name=$1 text=$2
    shift 2
    "$@" >"$work/output" 2>&1 || { cat "$work/output" >&2; say "$name failed"; exit 1; }
    if ! grep -qF -- "$text" "$work/output"; then
        cat "$work/output" >&2
        say "$name does not print: $text"
        exit 1
    fi
}

say "run"
answer="Noah built an ark of gopher wood. He took his family and the beasts, two and two, into the ark"
export XDG_CACHE_HOME="$work/cache"
expect Convert "bits on average: $answer" "$programs/Convert" samples/tiny "$bundle" samples/tasks/tiny.val.jsonl
expect Ask "$answer" "$programs/Ask" "$bundle" "Who was Noah?"
expect Schedules "6 bits: 6.00 bits on average (6@0)" "$programs/Schedules" "$bundle" "Who was Noah?"
expect Schedules "schedule answer: " "$programs/Schedules" "$bundle" "Who was Noah?"
printf 'Who was Noah?\nWho was Adam?\n' >"$work/messages"
# shellcheck disable=SC2016 # the inner shell expands it
expect Talk "4 messages" sh -c '"$1/Talk" "$2" <"$3"' sh "$programs" "$bundle" "$work/messages"
if "$programs/Ask" "$work/nothing" "Who?" >"$work/output" 2>&1; then
    say "Ask runs a bundle that is not there"
    exit 1
fi
grep -q "cannot open the file" "$work/output"
lines=$(wc -l <Examples/Sources/Ask/main.swift)
[ "$lines" -le 25 ] || { say "the first example has $lines lines; expected at most 25"; exit 1; }
say "built outside and run"

#!/bin/bash
# Subjects of all commits since the table of areas was made: "area: what changes", the area in the table of CONTRIBUTING.md,
# at most 65 characters. A merge begins with "merge: ".
# A shallow clone is checked as far as it reaches, and a copy without history has nothing to check.
set -euo pipefail
root=${1:-$(dirname "$0")/..}
cd "$root"
base=5d7a96b82e26
base_date="2026-11-26 21:01:45 +0000"
longest=65

if ! git rev-parse --git-dir > /dev/null 2>&1 || ! git rev-parse -q --verify HEAD > /dev/null; then
    echo "commits: no history here, nothing checked"
    exit 0
fi
mapfile -t areas < <(sed -n '/^## Commits/,$p' CONTRIBUTING.md | sed -n 's/^| *\(`[^|]*\)|.*/\1/p' | grep -o '`[^`]*`' | tr -d '`')
[ ${#areas[@]} -gt 0 ] || { echo "error: CONTRIBUTING.md has no table of areas under \"Commits\"" >&2; exit 1; }
if git merge-base --is-ancestor "$base" HEAD 2> /dev/null; then
    range=("$base..HEAD")
else
    range=("--after=$base_date" HEAD)
fi

checked=0
wrong=0
bad() {
    echo "error: $hash \"$subject\": $1" >&2
    wrong=$((wrong + 1))
}
while IFS='|' read -r hash parents subject; do
    checked=$((checked + 1))
    [ "${#subject}" -le $longest ] || bad "${#subject} characters, at most $longest"
    if [[ "$parents" == *" "* ]]; then
        [[ "$subject" == "merge: "?* ]] || bad "a merge is \"merge: what comes in\""
        continue
    fi
    if [[ ! "$subject" =~ ^([a-z][a-z, -]*):\ [^\ ] ]]; then
        bad "expected \"area: what changes\""
        continue
    fi
    IFS=, read -ra named <<< "${BASH_REMATCH[1]}"
    [ ${#named[@]} -le 3 ] || bad "at most three areas"
    for area in "${named[@]}"; do
        area=${area# }
        # No pipe into grep -q: where it ends before all is written, pipefail takes the rest for a failure.
        [[ " ${areas[*]} " == *" $area "* ]] || bad "no area \"$area\"; CONTRIBUTING.md lists ${areas[*]}"
    done
done < <(LC_ALL=C.UTF-8 git log --format='%h|%p|%s' "${range[@]}")
[ $wrong = 0 ] || exit 1
echo "commits: $checked subjects checked"

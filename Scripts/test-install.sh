#!/bin/bash
# Installs into an empty folder, tries manual pages and completion there, and removes all of it again.
#   test-install.sh TAPER RUNNER
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root="$work/a place/usr"
fail() { echo "error: $1" >&2; exit 1; }
checks=0
count() { checks=$((checks + 1)); }

export PREFIX=/usr DESTDIR="$work/a place"
Scripts/install.sh install "$1" "$2" > /dev/null
# Twice is the same as once.
Scripts/install.sh install "$1" "$2" > /dev/null
"$root/bin/taper" --version > /dev/null || fail "the installed taper does not run"
"$root/bin/taper-run" --version > /dev/null || fail "the installed taper-run does not run"

# Manual pages: every command has one, with every section, and what checks them finds nothing.
for command in taper $(sed -nE 's/^\| \[taper ([a-z]+)\].*/taper-\1/p' docs/commands/taper.md) taper-run; do
    page=$root/share/man/man1/$command.1
    [ -f "$page" ] || fail "there is no manual page of $command"
    for section in NAME SYNOPSIS DESCRIPTION EXAMPLES "EXIT STATUS" ENVIRONMENT "SEE ALSO"; do
        grep -qx ".SH $section" "$page" || fail "$command.1 has no section $section"
    done
    if command -v mandoc > /dev/null; then
        mandoc -T lint -W warning "$page" || fail "mandoc warns of $command.1"
        count
    fi
    if command -v man > /dev/null; then
        [ -z "$(MANWIDTH=80 man --warnings -l "$page" 2>&1 > /dev/null)" ] || fail "man warns of $command.1"
        count
    fi
    count
done

# Completion, as the shell would ask for it.
complete_in_bash() { # FUNCTION EXPECTED WORD...
    local function=$1 expected=$2
    shift 2
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMP_LINE="$*"
    COMP_POINT=${#COMP_LINE}
    COMP_TYPE=9 COMP_KEY=9 COMPREPLY=()
    "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    # No pipe into grep -q here and below: where it ends before all is written, pipefail takes the rest for a failure.
    grep -qxF -- "$expected" <<< "$(printf '%s\n' "${COMPREPLY[@]}" | sed 's/ *$//')" \
        || fail "bash completes \"$COMP_LINE\" by \"${COMPREPLY[*]}\", without \"$expected\""
    count
}
bash -n "$root/share/bash-completion/completions/taper"
bash -n "$root/share/bash-completion/completions/taper-run"
# What completion functions may tell the shell only while it completes.
compopt() { :; }
set +eu
. "$root/share/bash-completion/completions/taper"
. "$root/share/bash-completion/completions/taper-run"
touch "$work/model.taper"
complete_in_bash _taper convert taper con
complete_in_bash _taper perplexity taper eval per
complete_in_bash _taper --max-bits taper convert --max
complete_in_bash _taper fast taper convert --effort f
complete_in_bash _taper "$work/model.taper" taper inspect "$work/mod"
complete_in_bash _taper_run --switch taper-run --sw
complete_in_bash _taper_run static: taper-run --schedule st
complete_in_bash _taper_run "$work/model.taper" taper-run -m "$work/mod"
set -eu
if command -v zsh > /dev/null; then
    for name in _taper _taper-run; do zsh -n "$root/share/zsh/site-functions/$name" || fail "zsh cannot read $name"; count; done
fi
if command -v fish > /dev/null; then
    for name in taper taper-run; do
        script=$root/share/fish/vendor_completions.d/$name.fish
        fish --no-execute "$script" || fail "fish cannot read the completion of $name"
    done
    grep -q '^--switch' <<< "$(fish --no-config -c "source '$root/share/fish/vendor_completions.d/taper-run.fish'; complete -C 'taper-run --sw'")" \
        || fail "fish does not complete taper-run --sw"
    [ "$(fish --no-config -c "source '$root/share/fish/vendor_completions.d/taper-run.fish'; complete -C 'taper-run --schedule '" \
        | cut -f1 | tr '\n' ' ')" = "fixed learned static: " ] || fail "fish does not complete taper-run --schedule"
    count
fi

Scripts/install.sh uninstall > /dev/null
left=$(find "$work/a place" -type f)
[ -z "$left" ] || fail "left after uninstall: $left"
! Scripts/install.sh uninstall 2> /dev/null || fail "removing what is not there is no error"
echo "installation: $checks checks passed"

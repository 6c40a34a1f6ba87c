#!/bin/sh
# Installs both programs with manual pages and completion, or removes what an earlier run installed.
#   PREFIX=/usr/local [DESTDIR=...] install.sh install TAPER RUNNER
#   PREFIX=/usr/local [DESTDIR=...] install.sh uninstall
# Pages and completion are asked of the programs that are installed, so they never tell of another version's flags.
set -eu
cd "$(dirname "$0")/.."
case ${PREFIX:-} in
/*) ;;
*) echo "error: PREFIX must be an absolute path, found \"${PREFIX:-}\"" >&2; exit 64 ;;
esac
root=${DESTDIR:-}$PREFIX
list=$root/share/taper/installed

remove() {
    [ -f "$list" ] || return 0
    while IFS= read -r name; do rm -f "$root/$name"; done < "$list"
    rm -f "$list"
    # Folders that only held ours go, others stay.
    for folder in share/taper share/man/man1 share/man share/bash-completion/completions share/bash-completion \
        share/zsh/site-functions share/zsh share/fish/vendor_completions.d share/fish share bin; do
        rmdir "$root/$folder" 2>/dev/null || true
    done
}

case ${1:-} in
install)
    [ $# = 3 ] || { echo "usage: install.sh install TAPER RUNNER" >&2; exit 64; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/bin"
    cp "$2" "$work/bin/taper"
    cp "$3" "$work/bin/taper-run"
    Scripts/write-commands.py share "$work/share" "$work/bin/taper" "$work/bin/taper-run"
    remove
    (cd "$work" && find bin share -type f | LC_ALL=C sort) > "$work/installed"
    while IFS= read -r name; do
        mode=644
        case $name in bin/*) mode=755 ;; esac
        mkdir -p "$root/$(dirname "$name")"
        install -m $mode "$work/$name" "$root/$name"
    done < "$work/installed"
    mkdir -p "$(dirname "$list")"
    install -m 644 "$work/installed" "$list"
    echo "installed $(wc -l < "$list") files below $root"
    ;;
uninstall)
    [ -f "$list" ] || { echo "error: nothing of Taper is installed below $root: there is no $list" >&2; exit 66; }
    remove
    echo "removed Taper from $root"
    ;;
*)
    sed -n '2,5s/^# *//p' "$0" >&2
    exit 64
    ;;
esac

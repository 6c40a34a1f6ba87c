#!/bin/sh
# What cross-compiling to arm64 Linux needs: Debian's cross C library and an emulator from apt, and the arm64 builds of
# libzstd and json-c, unpacked in the user's cache so that the host's packages stay as they are. Prints that folder.
set -eu
cache=${TAPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/taper}/arm64
missing=""
for package in libc6-dev-arm64-cross libgcc-12-dev-arm64-cross qemu-user-static; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "installing$missing" >&2
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >&2
fi
if [ ! -f "$cache/root/usr/lib/aarch64-linux-gnu/libjson-c.a" ]; then
    echo "fetching libzstd and json-c for arm64 into $cache" >&2
    mkdir -p "$cache/state/lists/partial" "$cache/archives/partial"
    : >"$cache/state/status"
    # apt with an architecture and a state of its own.
    fetch() {
        (cd "$cache" && apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$cache/state" \
            -o Dir::State::status="$cache/state/status" -o Dir::Cache="$cache" -o APT::Sandbox::User=root "$@" >&2)
    }
    fetch update
    fetch download libzstd-dev libjson-c-dev
    for archive in "$cache"/*_arm64.deb; do dpkg -x "$archive" "$cache/root"; done
    rm -rf "$cache/state" "$cache/archives"
fi
echo "$cache/root"

#!/bin/sh
# Installs the Debian packages that are missing. Runs nothing when all are there.
set -eu
missing=""
for package in libzstd-dev libjson-c-dev libopenblas-dev libdnnl2 lld binutils unzip python3-pip python3-numpy; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' && continue
    # What matters is the tool, wherever it comes from.
    case $package in
    lld) clang -fuse-ld=lld -Wl,--version >/dev/null 2>&1 && continue ;;
    binutils) command -v strip >/dev/null 2>&1 && continue ;;
    unzip) command -v unzip >/dev/null 2>&1 && continue ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    python3-numpy) python3 -c 'import numpy' >/dev/null 2>&1 && continue ;;
    esac
    missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing$missing" >&2
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >&2

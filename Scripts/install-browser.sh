#!/bin/sh
# What `make test-page` needs: Debian's Chromium, and Playwright, which drives it, from PyPI into build/browser. Prints the
# Python that has it.
set -eu
cd "$(dirname "$0")/.."
environment=build/browser
playwright=1.65.2
missing=""
command -v chromium >/dev/null 2>&1 || missing="chromium fonts-dejavu-core"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    echo "installing $missing" >&2
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # several packages
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >&2
fi
if ! "$environment/bin/python" -c 'import playwright' 2>/dev/null; then
    python3 -m venv "$environment"
    # The driver is in the wheel; no browser is downloaded.
    "$environment/bin/python" -m pip install -q --disable-pip-version-check "playwright==$playwright" >&2
fi
echo "$environment/bin/python"

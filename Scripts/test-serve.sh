#!/bin/sh
# The server as its users have it: OpenAI's Python client on every endpoint, schemathesis on the document that the server
# serves, and 200 clients that come and go.
#
#   Scripts/test-serve.sh [SECONDS]        of the clients that come and go; default 30
#
# TAPER names another program than .build/release/taper. Python packages go to build/clients, from PyPI.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
TAPER=${TAPER:-.build/release/taper}
packages=$PWD/build/clients
wanted=Tests/Clients/requirements.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -x "$TAPER" ] || { echo "error: $TAPER: no program; run make taper" >&2; exit 66; }

if ! cmp -s "$wanted" "$packages/installed"; then
    rm -rf "$packages"
    python3 -m pip install -q --disable-pip-version-check --no-warn-conflicts --target "$packages" -r "$wanted"
    cp "$wanted" "$packages/installed"
fi
export PYTHONPATH="$packages" PYTHONDONTWRITEBYTECODE=1 TAPER TAPER_BUNDLE="$work/tiny.taper"
export TAPER_CACHE="${TAPER_CACHE:-$work/cache}"

"$TAPER" convert samples/tiny -o "$TAPER_BUNDLE" --recipe pipelines/tiny.json --quiet
cd Tests/Clients
TAPER=$(cd ../..; readlink -f "$TAPER")
python3 -m unittest -q test_openai
python3 document.py
python3 load.py --seconds "$seconds"

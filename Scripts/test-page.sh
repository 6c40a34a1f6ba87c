#!/bin/sh
# test-page.sh TAPER: the page of `taper serve` in a browser, on a bundle of the sample model. With --pictures, its pictures in
# docs/images instead, of the bundle BUNDLE where that is set.
set -eu
cd "$(dirname "$0")/.."
taper=$1
python=$(Scripts/install-browser.sh)
# The file's name is the model's.
mkdir -p build/page
cp formats/golden/written/0.1.0-tiny.taper build/page/tiny.taper
[ -n "${BUNDLE:-}" ] && [ "${2:-}" = --pictures ] || BUNDLE=build/page/tiny.taper
TAPER=$(realpath "$taper")
CHROMIUM=$(command -v chromium)
export TAPER BUNDLE CHROMIUM PYTHONDONTWRITEBYTECODE=1
if [ "${2:-}" = --pictures ]; then
    exec "$python" Tests/Page/pictures.py docs/images
fi
exec "$python" -m unittest discover -s Tests/Page -t Tests/Page

#!/bin/sh
# Makes .venv and installs parkwatch with its tests into it. Says what it does; does nothing
# when all is there. Debian's packages are installed only where something needed is missing.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
python=${PYTHON:-python3}

say() { printf '==> %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

apt_install() {
    command -v apt-get >/dev/null || { say "missing: $*; install them with your package manager"; exit 1; }
    say "installing Debian packages: $*"
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        { say "could not install $*; run: sudo apt-get install $*"; exit 1; }
}

command -v "$python" >/dev/null || apt_install python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { say "Python 3.11 or newer is needed; $("$python" --version) is here. Name another with PYTHON=..."; exit 1; }

stamp=$venv/.parkwatch-installed
wanted=$(cat pyproject.toml constraints.txt | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

if [ ! -x $venv/bin/python ]; then
    say "making $venv"
    "$python" -m venv $venv 2>/dev/null || { rm -rf $venv; apt_install python3-venv; "$python" -m venv $venv; }
fi
say "installing parkwatch and what it needs (about 6 GB, some minutes)"
$venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'

# OpenCV's wheel needs two libraries that a bare system lacks.
$venv/bin/python -c 'import cv2' 2>/dev/null || apt_install libgl1 libglib2.0-0
$venv/bin/python -c 'import cv2' || { say "OpenCV cannot be loaded; see the message above"; exit 1; }
printf '%s' "$wanted" > "$stamp"
say "installed"

#!/bin/sh
# Prints the Debian packages that this project needs and this machine lacks, on one line; nothing on other systems.
# Names given as arguments are asked for too.
set -eu
command -v dpkg-query >/dev/null || exit 0

# Blender as a Python module links to X and OpenGL, even without a window; the plate is drawn through EGL.
needed="libegl1 libgl1 libgl1-mesa-dri libice6 libsm6 libx11-6 libxext6 libxfixes3 libxi6 libxkbcommon0 libxrender1 $*"

python=$("$(dirname "$0")/find-python.sh" 2>/dev/null) || needed="$needed python3.11-venv"
if [ -n "$python" ] && ! "$python" -c "import ensurepip" 2>/dev/null; then
    needed="$needed python3.11-venv"
fi

missing=
for package in $needed; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=unknown
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "${missing# }"
fi

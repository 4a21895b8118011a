#!/bin/sh
# Makes the virtual environment that every other command uses: setup.sh FOLDER.
set -eu
environment=$1
cd "$(dirname "$0")/.."

python=$(scripts/find-python.sh)
missing=$(scripts/missing-packages.sh)
if [ -n "$missing" ]; then
    echo "setup: system packages are missing. Run: sudo apt-get install $missing" >&2
    exit 1
fi

echo "Setting up $environment with $("$python" --version): Blender, torch and the rest, some 6 GB, a few minutes."
"$python" -m venv --clear "$environment"
"$environment/bin/python" -m pip install --disable-pip-version-check --constraint constraints.txt \
    --editable ".[blender,plate,record,dev]"
echo "Set up. Next: make demo"

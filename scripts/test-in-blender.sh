#!/bin/sh
# Runs the add-on's tests in another Blender, as a Python module in an environment of its own:
# test-in-blender.sh VERSION, such as 5.2. Says so and succeeds where the Python that it needs is missing.
set -eu
version=$1
environment=.venv-$version
cd "$(dirname "$0")/.."

case $version in
    4.* | 5.0) python=python3.11 ;;
    *) python=python3.13 ;;
esac
if ! "$python" --version >/dev/null 2>&1; then
    echo "SKIPPED: the tests in Blender $version, as there is no $python on PATH"
    exit 0
fi

# The stamp is the last thing made, so that a setup which was cut off starts again.
if [ ! "$environment/.installed" -nt pyproject.toml ]; then
    echo "Setting up $environment: Blender $version as a Python module"
    "$python" -m venv --clear "$environment"
    "$environment/bin/python" -m pip install --disable-pip-version-check \
        "bpy==$version.*" numpy "pyzmq>=26" pytest pytest-timeout
    touch "$environment/.installed"
fi
exec "$environment/bin/python" -m pytest tests/blender tests/test_packaging.py

#!/bin/sh
# Prints the command of a Python 3.11: $PYTHON, python3.11 or python3. bpy 4.5 runs on no other version.
set -eu
for candidate in "${PYTHON:-python3.11}" python3.11 python3; do
    if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "setup: Python 3.11 is needed and was not found: install it (Debian 12: apt-get install python3.11-venv)" \
    "or name it, as in: make setup PYTHON=/path/to/python3.11" >&2
exit 1

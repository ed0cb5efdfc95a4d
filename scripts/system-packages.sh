#!/usr/bin/env bash
# Installs Debian packages that are missing, where this user may; says so where it can't.
# Usage: system-packages.sh COMMAND-OR-LIBRARY=PACKAGE ...
set -u
missing=()
for pair in "$@"; do
    probe=${pair%%=*}
    if ! command -v "$probe" >/dev/null 2>&1 && ! ldconfig -p 2>/dev/null | grep -q "$probe" \
        && ! ls /usr/lib/*/"$probe"* >/dev/null 2>&1; then
        missing+=("${pair#*=}")
    fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "Not installed (no root rights): ${missing[*]}. What needs them is skipped." >&2
        exit 0
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed (no apt-get here): ${missing[*]}. What needs them is skipped." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q >/dev/null 2>&1
if ! "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
    echo "Could not be installed: ${missing[*]}. What needs them is skipped." >&2
fi
exit 0

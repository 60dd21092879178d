#!/bin/sh
# Installs Silta into .venv from the hash-locked requirements: sh ops/setup.sh runtime|dev
# Needs Python 3.11 or later with its venv module, and nothing else. Does nothing when .venv already holds this very lock.
set -eu
set_name=$1
cd "$(dirname "$0")/.."

fail() { printf '%s\n' "silta: $*" >&2; exit 2; }

find_python() {
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    # A name on the path may be a shim for a version that is not installed, so each is asked.
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2> /dev/null; then echo "$name"; return; fi
  done
  fail "no Python 3.11 to 3.14 found; install one (Debian and Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12"
}

check_platform() {
  "$1" -c '
import platform, sys
system, machine = platform.system(), platform.machine()
if platform.python_implementation() != "CPython": sys.exit("CPython is needed, this is " + platform.python_implementation())
if (system, machine) not in {("Linux", "x86_64"), ("Darwin", "x86_64"), ("Darwin", "arm64")}:
    sys.exit(f"Silta runs on Linux x86_64 and macOS (faust-streaming has packages for no other), this is {system} {machine}")
if system == "Linux" and platform.libc_ver()[0] != "glibc": sys.exit("Silta needs a Linux with glibc, such as Debian, Ubuntu or Fedora; this one has another C library")
' || exit 2
  "$1" -c 'import ensurepip, venv' 2> /dev/null || fail "$1 has no venv module; install it (Debian and Ubuntu: apt install python3-venv)"
}

digest() { cat "$1" pyproject.toml | cksum; }

step() { # step TEXT COMMAND...: one line a step, and the command's own words only when it fails
  text=$1; shift; began=$(date +%s)
  if ! "$@" > .venv/setup.log 2>&1; then tail -n 20 .venv/setup.log >&2; fail "failed: $text"; fi
  printf '  %-58s %3d s\n' "$text" "$(($(date +%s) - began))"
}

lock=requirements/$set_name.txt
stamp="$(digest "$lock") $(pwd -P)" # an environment does not survive being moved
# The developers' set contains the runtime's.
for have in "$set_name" dev; do
  [ "$(cat ".venv/.$have" 2> /dev/null)" = "$(digest "requirements/$have.txt") $(pwd -P)" ] && .venv/bin/python -c '' 2> /dev/null && exit 0
done

if ! [ "$(cat .venv/.place 2> /dev/null)" = "$(pwd -P)" ] || ! .venv/bin/python -c '' 2> /dev/null; then
  python=$(find_python)
  check_platform "$python"
  rm -rf .venv; mkdir .venv
  step "virtual environment in .venv ($("$python" -V 2>&1))" "$python" -m venv .venv
  pwd -P > .venv/.place
fi
rm -f .venv/.runtime .venv/.dev
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }
step "$(grep -c '==' "$lock") packages, each checked by SHA-256" pip install --require-hashes -r "$lock"
step "silta" pip install --no-deps --no-build-isolation -e .
printf '%s\n' "$stamp" > ".venv/.$set_name"

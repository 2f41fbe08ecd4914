#!/bin/sh
# What `tox -e lint` and test.sh check before any test runs; the tools are on PATH.
set -eu
cd "$(dirname "$0")/.."

check() {
    printf 'lint.sh: %s\n' "$*" >&2
    "$@"
}

check ruff check --quiet .
check ruff format --check --quiet .
check lint-imports --no-cache
check vulture
check codespell

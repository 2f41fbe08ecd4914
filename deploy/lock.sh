#!/bin/sh
# Renew deploy/requirements.lock: the exact versions, with hashes, that demo.sh, test.sh and the unit install.
# Run it with the Python and on the system that they run on. What is in it is read before it is committed.
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=$(find_python) || fail "jobmon needs Python 3.11 or newer"
"$python" -m venv "$work/venv"
say "asking for the newest versions that setup.cfg allows"
"$work/venv/bin/python" -m pip --disable-pip-version-check --quiet install --root-user-action=ignore 'pip-tools>=7.4,<8'
"$work/venv/bin/pip-compile" --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
    --no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
    --extra server --extra cli --output-file "$work/lock" setup.cfg
# Where the packages came from is the business of who installs them, and no secret of who locked them.
if grep -nE '^-|://|^/|@ ' "$work/lock"; then
    fail "the lock names an index or a place of this machine"
fi
{
    echo "# Written by \`sh deploy/lock.sh\`: do not edit. For Python $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') on Linux."
    cat "$work/lock"
} > deploy/requirements.lock
say "deploy/requirements.lock has $(grep -c == deploy/requirements.lock) packages"

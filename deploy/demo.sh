#!/bin/sh
# Install jobmon into .venv and run its demo on this machine. Arguments go to `jobmon demo`.
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

environment .venv '.[server,cli]'
exec .venv/bin/jobmon demo "$@"

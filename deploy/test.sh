#!/bin/sh
# Install what the tests need into .venv-test, MariaDB's server and a browser included, then check the code and run all
# tests on SQLite and on MariaDB. Arguments go to pytest. JOBMON_TEST_MARIADB_URL names a MariaDB to use instead of a
# throwaway one.
set -eu
cd "$(dirname "$0")/.."
. deploy/setup.sh

have_mariadb() {
    [ -z "${JOBMON_TEST_MARIADB_URL:-}" ] || return 0
    for program in mariadbd mariadb-install-db my_print_defaults; do
        PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null || return 1
    done
}

have_browser() {
    command -v chromium >/dev/null && command -v chromedriver >/dev/null
}

# The core packages are the programs without a service: the tests start and stop their own.
have_mariadb || install mariadb-server-core mariadb-client-core
have_browser || install chromium chromium-driver
# Makes the certificates of a MariaDB that is spoken to by TLS.
command -v openssl >/dev/null || install openssl
environment .venv-test --editable '.[server,cli,test]'

PATH="$PWD/.venv-test/bin:$PATH"
export PATH
sh deploy/lint.sh
say "mypy"
mypy
say "pytest, on SQLite and on MariaDB"
# A process for each core, each with a MariaDB of its own; what is in one file stays together.
exec python -m pytest --numprocesses "$(nproc)" --dist loadfile "$@"

# What demo.sh, test.sh and lock.sh share; it is sourced, with the project's folder as the working directory.

MINIMUM='(3, 11)'

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

fail() { say "$@"; exit 1; }

# install PACKAGE...: with apt, as root, asking nothing; it says what to do where that is not possible.
install() {
    command -v apt-get >/dev/null || fail "please install $*: this is not a Debian machine"
    [ "$(id -u)" = 0 ] || fail "please install $* (as root: apt-get install $*)"
    say "installing $*"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@" >/dev/null
}

# The first python3 that is new enough and able to make a virtual environment.
find_python() {
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < $MINIMUM)" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# environment FOLDER REQUIREMENT...: a virtual environment with these in it, made once and brought up to date each time.
environment() {
    folder=$1
    shift
    if ! "$folder/bin/python" -c '' 2>/dev/null; then
        find_python >/dev/null || install python3 python3-venv
        python=$(find_python) || fail "jobmon needs Python 3.11 or newer; $(python3 --version 2>&1) is what is here"
        rm -rf "$folder"
        "$python" -m venv "$folder"
    fi
    say "installing jobmon into $folder"
    # The exact versions first, each checked by its hash; then jobmon, and what the tests need beside them.
    pip_install "$folder" --require-hashes --requirement deploy/requirements.lock
    pip_install "$folder" "$@"
}

# pip_install FOLDER ARGUMENT...: with the pip of a virtual environment.
pip_install() {
    python=$1/bin/python
    shift
    "$python" -m pip --disable-pip-version-check --quiet install --root-user-action=ignore "$@"
}

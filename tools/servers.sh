#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# servers.sh [PROFILE]
# servers.sh --packages PROFILE
#
# See to it that the tests' servers and programs are there: installs what is
# missing (Debian's packages, as root only) and starts what is not running.
# PROFILE is one of bindep.txt, for packages besides those that all tests need;
# with --packages, its own are all that is installed, and nothing is started.
#
#   RabbitMQ    127.0.0.1:5672, user guest, password guest
#   MariaDB     127.0.0.1:3306, user root, no password
#   PostgreSQL  127.0.0.1:5432, user postgres, trusted
#
# A server that answers is left as it is. One that was installed here is also
# given the accounts above; one that was there before never is: if it does
# not let the tests in, this says so and fails.
set -u

cd "$(dirname "$0")/.." || exit 1
profiles="test\|${1:-test}"
only=
if [ "${1:-}" = --packages ]; then
    only=yes
    profiles=$2
fi

declare -A PORT=([rabbitmq]=5672 [mariadb]=3306 [postgresql]=5432)
declare -A PACKAGE=([rabbitmq]=rabbitmq-server [mariadb]=mariadb-server
    [postgresql]=postgresql)
declare -A INSTALLED_HERE=()

say() {
    echo "servers: $*"
}

fail() {
    say "$*" >&2
    exit 1
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/${PORT[$1]}") 2>/dev/null
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" \
        = installed ]
}

# The packages of bindep's profiles that are not installed, less the servers
# that answer: those may be anywhere, not only in a package.
missing_packages() {
    local package server needless=" "
    for server in "${!PORT[@]}"; do
        answers "$server" && needless+="${PACKAGE[$server]} "
    done
    sed -n "s/^\([a-z0-9.+-]*\) *\[.* \($profiles\)[] ].*/\1/p" bindep.txt |
    while read -r package; do
        case $needless in
            *" $package "*) continue ;;
        esac
        is_installed "$package" || echo "$package"
    done
}

install() {
    local missing server log
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "${missing// /}" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "these packages are missing: $missing- install them" \
            "(as root: apt-get install $missing) and try again," \
            "or run \"make unit\", which needs none."
    fi
    say "installing $missing"
    for server in "${!PACKAGE[@]}"; do
        case " $missing" in
            *" ${PACKAGE[$server]} "*) INSTALLED_HERE[$server]=yes ;;
        esac
    done
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of words
    { apt-get install -q -y --no-install-recommends $missing ||
        { apt-get update -q &&
            apt-get install -q -y --no-install-recommends $missing; }
    } >"$log" 2>&1 </dev/null ||
        { tail -n 20 "$log" >&2; fail "could not install $missing"; }
    rm -f "$log"
}

start_rabbitmq() {
    rabbitmq-server -detached
}

start_mariadb() {
    mkdir -p /run/mysqld && chown mysql: /run/mysqld
    start-stop-daemon --start --oknodo --background \
        --exec /usr/sbin/mariadbd -- --user=mysql
}

start_postgresql() {
    local version
    version=$(pg_lsclusters -h | awk '$2 == "main" {print $1}' | tail -n 1)
    [ -n "$version" ] || return 1
    pg_ctlcluster --skip-systemctl-redirect "$version" main start
}

start() {
    local server=$1 second
    answers "$server" && return 0
    [ "$(id -u)" = 0 ] ||
        fail "no $server on 127.0.0.1:${PORT[$server]}; start it and try" \
            "again, or run \"make unit\", which needs none."
    say "starting $server"
    # A daemon must not hold on to this script's output, or whoever reads
    # that to its end would wait for the daemon.
    "start_$server" </dev/null >/dev/null 2>&1
    for ((second = 0; second < 90; second++)); do
        answers "$server" && return 0
        sleep 1
    done
    fail "$server did not come up on 127.0.0.1:${PORT[$server]}"
}

# Run SQL as the account that the tests use, over TCP as they do.
try_mariadb() {
    command -v mariadb >/dev/null || return 0
    mariadb --no-defaults -h 127.0.0.1 -u root --password= \
        -e 'SELECT 1' >/dev/null 2>&1 </dev/null
}

try_postgresql() {
    command -v psql >/dev/null || return 0
    psql -w -h 127.0.0.1 -U postgres -c 'SELECT 1' \
        >/dev/null 2>&1 </dev/null
}

open_mariadb() {
    mariadb -u root -e "ALTER USER root@localhost IDENTIFIED BY ''" \
        </dev/null
}

open_postgresql() {
    local file
    file=$(su postgres -c "psql -Atc 'SHOW hba_file'" </dev/null) || return 1
    sed -i '1i host all all 127.0.0.1/32 trust' "$file"
    su postgres -c "psql -Atc 'SELECT pg_reload_conf()'" \
        >/dev/null </dev/null
    sleep 1
}

let_in() {
    local server=$1
    "try_$server" && return 0
    if [ -n "${INSTALLED_HERE[$server]:-}" ]; then
        "open_$server"
        "try_$server" && return 0
    fi
    fail "$server runs but does not let the tests in; see the head of" \
        "tools/servers.sh for the account they use."
}

install
[ -z "$only" ] || exit 0
for name in rabbitmq mariadb postgresql; do
    start "$name"
done
let_in mariadb
let_in postgresql
say "rabbitmq, mariadb and postgresql answer"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# DevStack's functions, as far as the plugin calls them: each takes what
# DevStack's own takes, and refuses what that would fail on or, worse, take
# for something else. What DevStack gets wrong by itself (a word that it
# doesn't quote, "&" in a value) is refused too.

# Where things are comes from localrc and from deployment.py.
# shellcheck disable=SC2154

# shellcheck source=tests/devstack/refusals.sh
source "$(dirname "${BASH_SOURCE[0]}")/refusals.sh"

# -- functions-common --------------------------------------------------

function echo_summary {
    takes 1 1 "$@"
    echo "== $1"
}

function die {
    takes 2 2 "$@"
    [[ "$1" =~ ^[0-9]+$ ]] || refuse "the first argument is \$LINENO: $1"
    echo "line $1: $2" >&2
    exit 1
}

function trueorfalse {
    takes 2 2 "$@"
    [[ "$1" =~ ^(True|False)$ && "$2" =~ ^[A-Za-z_]+$ ]] ||
        refuse "a default and the name of a variable, not $*"
    case "${!2}" in
        1 | [yY]es | YES | [tT]rue | TRUE) echo True ;;
        0 | [nN]o | NO | [fF]alse | FALSE) echo False ;;
        *) echo "$1" ;;
    esac
}

function is_service_enabled {
    takes 1 20 "$@"
    plain "$@"
    local service
    for service in "$@"; do
        [[ ",$ENABLED_SERVICES," == *",$service,"* ]] && return 0
    done
    return 1
}

function enable_service {
    takes 1 20 "$@"
    plain "$@"
    local service
    for service in "$@"; do
        if [[ ",$DISABLED_SERVICES," == *",$service,"* ]]; then
            echo "$service is disabled"
        elif [[ ",$ENABLED_SERVICES," != *",$service,"* ]]; then
            ENABLED_SERVICES+="${ENABLED_SERVICES:+,}$service"
        fi
    done
}

function is_ubuntu {
    takes 0 0 "$@"
    command -v dpkg >/dev/null
}

function install_package {
    takes 1 20 "$@"
    plain "$@"
    if ! dry; then
        dpkg -s "$@" >/dev/null || refuse "would install $*"
    fi
}

# run_process SERVICE COMMAND [GROUP [USER]]
function run_process {
    takes 2 4 "$@"
    plain "$1"
    is_service_enabled "$1" || return 0
    [[ "$2" != *sudo* ]] || refuse "no sudo in a unit: $2"
    # By this DevStack tells that systemd is to wait for a notification.
    local type=simple
    [[ "$2" != *uwsgi* ]] || type=notify
    local unit="$SYSTEMD_DIR/devstack@$1.service"
    sudo rm -f "$unit"
    sudo tee "$unit" >/dev/null <<EOF
[Unit]
Description = Devstack devstack@$1.service

[Service]
Type = $type
User = ${4:-$STACK_USER}
${3:+Group = $3}
ExecStart = $2
KillMode = process
TimeoutStopSec = 300
ExecReload = /bin/kill -HUP \$MAINPID

[Install]
WantedBy = multi-user.target
EOF
    sudo systemctl daemon-reload
    sudo systemctl enable "devstack@$1.service"
    sudo systemctl start "devstack@$1.service"
}

function stop_process {
    takes 1 1 "$@"
    plain "$1"
    is_service_enabled "$1" || return 0
    if sudo systemctl is-enabled "devstack@$1.service"; then
        sudo systemctl stop "devstack@$1.service"
        sudo systemctl disable "devstack@$1.service"
    fi
}

function get_or_create_service {
    takes 3 3 "$@"
    plain "$1" "$2"
    dry && return
    openstack service show "$2" -f value -c id 2>/dev/null ||
        openstack service create "$2" --name "$1" --description="$3" \
            -f value -c id
}

function get_or_create_endpoint {
    takes 3 5 "$@"
    plain "$@"
    [[ "$3" =~ ^https?:// ]] || refuse "the third argument is a URL: $3"
    dry && return
    local interface=(public "" "")
    [[ $# -lt 4 ]] || interface=(public admin internal)
    local id i
    for ((i = 0; i < $# - 2; i++)); do
        id=$(openstack endpoint list --service "$1" --region "$2" \
            --interface "${interface[$i]}" -c ID -f value)
        [[ -n "$id" ]] || id=$(openstack endpoint create "$1" \
            "${interface[$i]}" "${*:3+i:1}" --region "$2" -f value -c id)
        echo "$id"
    done
}

# -- functions ---------------------------------------------------------

# Returns once it is answered with something that isn't 503.
function wait_for_service {
    takes 2 2 "$@"
    [[ "$1" =~ ^[0-9]+$ && "$2" =~ ^https?:// ]] ||
        refuse "seconds and a URL, not $*"
    dry && return
    timeout "$1" bash -c "while [[ \$(curl -g -k --noproxy '*' -s \
        -o /dev/null -w '%{http_code}' $2) == 503 ]]; do sleep 0.2; done"
}

function setup_logging {
    takes 1 3 "$@"
    local file=$1 what="%(color)s%(levelname)s %(name)s"
    iniset "$file" DEFAULT logging_debug_format_suffix \
        "{{(pid=%(process)d) %(funcName)s %(pathname)s:%(lineno)d}}"
    iniset "$file" DEFAULT logging_context_format_string \
        "$what [%(global_request_id)s %(request_id)s %(project_name)s %(user_name)s%(color)s] %(instance)s%(color)s%(message)s"
    iniset "$file" DEFAULT logging_default_format_string \
        "$what [-%(color)s] %(instance)s%(color)s%(message)s"
    iniset "$file" DEFAULT logging_exception_prefix \
        "ERROR %(name)s %(instance)s"
}

# -- inc/ini-config ----------------------------------------------------

# ini_edit FILE SECTION OPTION - that file, with $VALUE for the option
function ini_edit {
    SECTION="[$2]" OPTION=$3 awk '
        function put() { print ENVIRON["OPTION"] " = " ENVIRON["VALUE"] }
        /^\[/ { if (inside && !done) { put(); done = 1 }
                inside = ($0 == ENVIRON["SECTION"]) }
        inside && index($0, ENVIRON["OPTION"]) == 1 &&
                substr($0, length(ENVIRON["OPTION"]) + 1) ~ /^[ \t]*=/ {
            if (!done) put()
            done = 1
            next }
        { print }
        END {
            if (!done && !inside) print "\n" ENVIRON["SECTION"]
            if (!done) put() }' "$1"
}

function iniset {
    local sudo=""
    if [[ "$1" == -sudo ]]; then
        sudo=sudo
        shift
    fi
    takes 4 4 "$@"
    plain "$1" "$2" "$3"
    [[ "$1" == /* ]] || refuse "the file's name is not absolute: $1"
    [[ "$4" != *[\\$'\n\x01']* ]] || refuse "sed would take part of: $4"
    # Where there is a value already, sed puts the new one in its place.
    [[ "$4" != *\&* || -z "$(iniget "$1" "$2" "$3" 2>/dev/null)" ]] ||
        refuse "sed would take part of: $4"
    local text from=/dev/null
    [[ ! -e $1 ]] || from=$1
    text=$(VALUE=$4 ini_edit "$from" "$2" "$3")
    if [[ -n "$sudo" ]]; then
        sudo tee "$1" >/dev/null <<<"$text"
    else
        echo "$text" >"$1"
    fi
}

function iniget {
    takes 3 3 "$@"
    plain "$@"
    sed -n "/^\[$2\]/,/^\[/s/^$3[ \t]*=[ \t]*//p" "$1"
}

# -- inc/python --------------------------------------------------------

function get_python_exec_prefix {
    takes 0 0 "$@"
    echo "$DEVSTACK_VENV/bin"
}

function pip_install {
    takes 1 20 "$@"
    dry && return
    sudo "$DEVSTACK_VENV/bin/pip" install -q "$@"
}

function pip_install_gr {
    takes 1 1 "$@"
    [[ "$1" =~ ^[a-z][a-z0-9.-]*$ ]] || refuse "a name, without version: $1"
    pip_install "$1"
}

function setup_develop {
    takes 1 2 "$@"
    plain "$@"
    [[ -f $1/setup.cfg ]] || refuse "no project in $1"
    [[ "$2" =~ ^[a-z]+(,[a-z]+)*$ ]] || refuse "extras, with commas: $2"
    local extra
    for extra in ${2//,/ }; do
        sed -n '/^\[extras\]/,/^\[e/p' "$1/setup.cfg" | grep -q "^$extra =" ||
            refuse "$1 has no extra $extra"
    done
    pip_install -e "$1[$2]"
}

# -- lib/database ------------------------------------------------------

function recreate_database {
    takes 1 1 "$@"
    plain "$1"
    dry && return
    local each
    for each in "DROP DATABASE IF EXISTS" "CREATE DATABASE"; do
        mysql -u"$DATABASE_USER" -p"$DATABASE_PASSWORD" -h"$DATABASE_HOST" \
            -e "$each $1;"
    done
}

function database_connection_url {
    takes 1 1 "$@"
    plain "$1"
    echo "$BASE_SQL_CONN/$1?charset=utf8mb4"
}

# -- lib/rpc_backend ---------------------------------------------------

function rpc_backend_add_vhost {
    takes 1 1 "$@"
    plain "$1"
    is_service_enabled rabbit || return 1
    if ! sudo rabbitmqctl list_vhosts | grep "$1"; then
        sudo rabbitmqctl add_vhost "$1"
        sudo rabbitmqctl set_permissions -p "$1" "$RABBIT_USERID" \
            ".*" ".*" ".*"
    fi
}

function get_transport_url {
    takes 0 1 "$@"
    echo "rabbit://$RABBIT_USERID:$RABBIT_PASSWORD@$RABBIT_HOST:5672/$1"
}

# iniset_rpc_backend PACKAGE FILE [SECTION [VHOST]]
function iniset_rpc_backend {
    takes 2 4 "$@"
    plain "$@"
    iniset "$2" "${3:-DEFAULT}" transport_url "$(get_transport_url "$4")"
}

# -- lib/keystone ------------------------------------------------------

# create_service_user NAME [ROLE], which it has besides "service"
function create_service_user {
    takes 1 2 "$@"
    plain "$@"
    dry && return
    local role domains=(--user-domain "$SERVICE_DOMAIN_NAME"
        --project-domain "$SERVICE_DOMAIN_NAME")
    openstack user create "$1" --password "$SERVICE_PASSWORD" \
        --domain "$SERVICE_DOMAIN_NAME" --or-show -f value -c id
    for role in service $2; do
        openstack role add "$role" --user "$1" \
            --project "$SERVICE_PROJECT_NAME" "${domains[@]}"
    done
}

# configure_keystone_authtoken_middleware FILE USER [SECTION]
function configure_keystone_authtoken_middleware {
    takes 2 3 "$@"
    plain "$@"
    local section=${3:-keystone_authtoken}
    iniset "$1" "$section" auth_type password
    iniset "$1" "$section" interface public
    iniset "$1" "$section" auth_url "$KEYSTONE_SERVICE_URI"
    iniset "$1" "$section" username "$2"
    iniset "$1" "$section" password "$SERVICE_PASSWORD"
    iniset "$1" "$section" user_domain_name "$SERVICE_DOMAIN_NAME"
    iniset "$1" "$section" project_name "$SERVICE_PROJECT_NAME"
    iniset "$1" "$section" project_domain_name "$SERVICE_DOMAIN_NAME"
    iniset "$1" "$section" cafile "$SSL_BUNDLE_FILE"
    iniset "$1" "$section" memcached_servers "$MEMCACHE_SERVERS"
}

# -- lib/apache --------------------------------------------------------

function apache_site_config_for {
    takes 1 1 "$@"
    plain "$1"
    echo "$APACHE_CONF_DIR/$1.conf"
}

function enable_apache_site {
    takes 1 1 "$@"
    plain "$1"
    [[ -f "$APACHE_CONF_DIR/$1.conf" ]] || refuse "there is no site $1"
    sudo ln -sf "$APACHE_CONF_DIR/$1.conf" "$APACHE_ENABLED_DIR/$1.conf"
}

function disable_apache_site {
    takes 1 1 "$@"
    plain "$1"
    sudo rm -f "$APACHE_ENABLED_DIR/$1.conf"
}

# shellcheck disable=SC2120
function restart_apache_server {
    takes 0 0 "$@"
    sudo systemctl restart apache2
}

# write_uwsgi_config FILE APPLICATION URL [HTTP [NAME]], as of 2025
function write_uwsgi_config {
    takes 3 5 "$@"
    plain "$1" "$2" "$3"
    local name=${5:-$(basename "$2")}
    [[ "$2" =~ ^[A-Za-z0-9_.]+:[A-Za-z0-9_]+$ ]] ||
        refuse "a path is deprecated; a module and its application: $2"
    [[ "$3" == /* && -z "$4" ]] || refuse "a path below Apache, not $3 $4"
    [[ "$name" =~ ^[a-z-]+$ ]] || refuse "a socket named $name"
    local option socket="$UWSGI_SOCKET_DIR/$name.socket"
    sudo install -d -o "$STACK_USER" "$UWSGI_SOCKET_DIR"
    rm -rf "$1"
    for option in "module $2" "processes $API_WORKERS" "master true" \
            "die-on-term true" "exit-on-reload false" \
            "worker-reload-mercy 80" "enable-threads true" \
            "plugins http,python3" "thunder-lock true" \
            "hook-master-start unix_signal:15 gracefully_kill_them_all" \
            "buffer-size 65535" "add-header Connection: close" \
            "lazy-apps true" "start-time %t" "socket $socket" \
            "chmod-socket 666"; do
        iniset "$1" uwsgi "${option%% *}" "${option#* }"
    done
    sudo tee "$(apache_site_config_for "$name")" >/dev/null <<EOF
ProxyPass "$3" "unix:$socket|uwsgi://uwsgi-uds-$name" retry=0 acquire=1
EOF
    enable_apache_site "$name"
    # shellcheck disable=SC2119
    restart_apache_server
}

function remove_uwsgi_config {
    takes 2 2 "$@"
    plain "$@"
    [[ "$2" != /* ]] || refuse "a path is deprecated; its name: $2"
    rm -rf "$1"
    disable_apache_site "$(basename "$2")"
}

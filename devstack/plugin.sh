#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# DevStack's plugin for manila-backup; see README.rst.
#
# stack.sh, unstack.sh and clean.sh read it as "source plugin.sh MODE PHASE",
# with DevStack's functions, "settings" and local.conf in force.

# What isn't assigned here, DevStack or settings have assigned.
# shellcheck disable=SC2154

# What is deployed
# ----------------

function is_manila_backup_beside_manila {
    is_service_enabled manila
}

function manila_backup_share_source {
    if [[ -n "$MANILA_BACKUP_SHARE_SOURCE" ]]; then
        echo "$MANILA_BACKUP_SHARE_SOURCE"
    elif is_manila_backup_beside_manila; then
        echo manila
    else
        echo local
    fi
}

function is_manila_backup_routing_manila {
    local default=False
    is_manila_backup_beside_manila && default=True
    [[ "$(trueorfalse $default MANILA_BACKUP_ROUTE_MANILA)" == True ]]
}

function has_manila_backup_driver {
    [[ ",$MANILA_BACKUP_DRIVERS," == *",$1,"* ]]
}

function manila_backup_url {
    local protocol=$MANILA_BACKUP_SERVICE_PROTOCOL
    is_service_enabled tls-proxy && protocol=https
    echo "$protocol://$MANILA_BACKUP_SERVICE_HOST$MANILA_BACKUP_PATH"
}

# The names of the workers' services on this host.
function manila_backup_workers {
    local number
    for ((number = 1; number <= MANILA_BACKUP_WORKERS; number++)); do
        echo "manila-backup-worker-$number"
    done
}

# Installation
# ------------

# install_manila_backup_packages - programs that drivers run
function install_manila_backup_packages {
    if has_manila_backup_driver nfs; then
        if is_ubuntu; then
            install_package nfs-common
        else
            install_package nfs-utils
        fi
    fi
    if has_manila_backup_driver restic && [[ -z \
            "$MANILA_BACKUP_RESTIC_COMMAND" ]]; then
        install_package restic
    fi
}

function install_manila_backup {
    # The extras are the driver of DevStack's database and the web server.
    setup_develop "$MANILA_BACKUP_DIR" "$DATABASE_TYPE,uwsgi"
    # "openstack share backup". Manila's plugin installs it, if there is one.
    if ! is_manila_backup_beside_manila; then
        pip_install_gr python-manilaclient
    fi
}

# Configuration
# -------------

function configure_manila_backup {
    sudo install -d -o "$STACK_USER" "$MANILA_BACKUP_CONF_DIR"
    # There are passwords in it.
    sudo install -m 600 -o "$STACK_USER" /dev/null "$MANILA_BACKUP_CONF"

    iniset "$MANILA_BACKUP_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset "$MANILA_BACKUP_CONF" DEFAULT state_path \
        "$MANILA_BACKUP_STATE_PATH"
    iniset "$MANILA_BACKUP_CONF" database connection \
        "$(database_connection_url "$MANILA_BACKUP_DATABASE")"
    iniset_rpc_backend manila-backup "$MANILA_BACKUP_CONF" DEFAULT \
        "$MANILA_BACKUP_VHOST"
    iniset "$MANILA_BACKUP_CONF" DEFAULT auth_strategy keystone
    configure_keystone_authtoken_middleware "$MANILA_BACKUP_CONF" \
        manila-backup
    # What access rules of application credentials call share backups' service.
    iniset "$MANILA_BACKUP_CONF" keystone_authtoken service_type \
        shared-file-system
    # Apache says by which URL a request came.
    iniset "$MANILA_BACKUP_CONF" oslo_middleware \
        enable_proxy_headers_parsing True
    setup_logging "$MANILA_BACKUP_CONF"

    configure_manila_backup_policy
    configure_manila_backup_drivers
    configure_manila_backup_shares
    if is_service_enabled manila-backup-api; then
        configure_manila_backup_api
    fi
}

# configure_manila_backup_policy - a file to put rules of one's own in
function configure_manila_backup_policy {
    local file=$MANILA_BACKUP_CONF_DIR/policy.yaml
    if [[ ! -e $file ]]; then
        sudo install -m 644 -o "$STACK_USER" /dev/null "$file"
    fi
    iniset "$MANILA_BACKUP_CONF" oslo_policy policy_file "$file"
}

function configure_manila_backup_drivers {
    iniset "$MANILA_BACKUP_CONF" backup enabled_drivers \
        "$MANILA_BACKUP_DRIVERS"
    sudo install -d -o "$MANILA_BACKUP_WORKER_USER" \
        "$MANILA_BACKUP_STATE_PATH"
    if has_manila_backup_driver posix; then
        sudo install -d -m 700 -o "$MANILA_BACKUP_WORKER_USER" \
            "$MANILA_BACKUP_REPOSITORY_PATH"
    fi
    iniset "$MANILA_BACKUP_CONF" posix repository_path \
        "$MANILA_BACKUP_REPOSITORY_PATH"
    iniset_manila_backup nfs export "$MANILA_BACKUP_NFS_EXPORT"
    iniset_manila_backup nfs mount_options "$MANILA_BACKUP_NFS_MOUNT_OPTIONS"
    iniset_manila_backup restic repository "$MANILA_BACKUP_RESTIC_REPOSITORY"
    iniset_manila_backup restic command "$MANILA_BACKUP_RESTIC_COMMAND"
    iniset_manila_backup restic password_file \
        "$MANILA_BACKUP_RESTIC_PASSWORD_FILE"
}

# iniset_manila_backup SECTION OPTION VALUE - set it, if there is a value
function iniset_manila_backup {
    if [[ -n "$3" ]]; then
        iniset "$MANILA_BACKUP_CONF" "$1" "$2" "$3"
    fi
}

function configure_manila_backup_shares {
    local source
    source=$(manila_backup_share_source)
    iniset "$MANILA_BACKUP_CONF" shares source "$source"
    if [[ "$source" == local ]]; then
        sudo install -d -o "$MANILA_BACKUP_WORKER_USER" \
            "$MANILA_BACKUP_SHARES_PATH"
        iniset "$MANILA_BACKUP_CONF" local_shares path \
            "$MANILA_BACKUP_SHARES_PATH"
    else
        configure_manila_backup_manila
    fi
}

# configure_manila_backup_manila - how this service signs in to Manila
function configure_manila_backup_manila {
    local option
    local -A options=(
        [auth_type]=password
        [auth_url]=$KEYSTONE_SERVICE_URI
        [username]=manila-backup
        [password]=$SERVICE_PASSWORD
        [user_domain_name]=$SERVICE_DOMAIN_NAME
        [project_name]=$SERVICE_PROJECT_NAME
        [project_domain_name]=$SERVICE_DOMAIN_NAME
        [region_name]=$REGION_NAME
    )
    is_service_enabled tls-proxy && options[cafile]=$SSL_BUNDLE_FILE
    for option in "${!options[@]}"; do
        iniset "$MANILA_BACKUP_CONF" manila_shares "$option" \
            "${options[$option]}"
    done
}

function configure_manila_backup_api {
    # A name, because a socket and a site can't have that of a module.
    write_uwsgi_config "$MANILA_BACKUP_UWSGI_CONF" "$MANILA_BACKUP_UWSGI" \
        "$MANILA_BACKUP_PATH" "" manila-backup-api
    iniset "$MANILA_BACKUP_UWSGI_CONF" uwsgi need-app true
    iniset "$MANILA_BACKUP_UWSGI_CONF" uwsgi env \
        "OS_MANILA_BACKUP_CONFIG_DIR=$MANILA_BACKUP_CONF_DIR"
    if is_manila_backup_routing_manila; then
        route_manila_backup
    fi
}

# route_manila_backup - what is about share backups on Manila's path comes here
#
# Apache takes the first rule that fits, and reads sites by their names: this
# one's comes before any of Manila's.
function route_manila_backup {
    local site socket
    site=$(apache_site_config_for 000-manila-backup-route)
    socket=$(iniget "$MANILA_BACKUP_UWSGI_CONF" uwsgi socket)
    sudo tee "$site" >/dev/null <<EOF
ProxyPassMatch "^$MANILA_BACKUP_MANILA_PATH(/v2/([^/]+/)?share-backup[s-].*)\$" "unix:$socket|uwsgi://uwsgi-uds-manila-backup-route\$1"
EOF
    enable_apache_site 000-manila-backup-route
    restart_apache_server
}

# create_manila_backup_accounts - its user and its place in the catalog
#
# Where there is no Manila, clients that look for one find this service.
function create_manila_backup_accounts {
    local url
    url=$(manila_backup_url)/v2
    if [[ "$(manila_backup_share_source)" == manila ]]; then
        # It acts on the shares of all projects.
        create_service_user manila-backup admin
    else
        create_service_user manila-backup
    fi
    get_or_create_service manila-backup "$MANILA_BACKUP_SERVICE_TYPE" \
        "Share backups"
    get_or_create_endpoint "$MANILA_BACKUP_SERVICE_TYPE" "$REGION_NAME" "$url"
    if ! is_manila_backup_beside_manila; then
        get_or_create_service manila-backup-shares shared-file-system \
            "Shares and their backups"
        get_or_create_endpoint shared-file-system "$REGION_NAME" "$url"
        get_or_create_service manila-backup-sharev2 sharev2 \
            "Shares and their backups, by the older name of the type"
        get_or_create_endpoint sharev2 "$REGION_NAME" "$url"
    fi
}

# Start and stop
# --------------

# init_manila_backup - on the host of the API, what all hosts share
function init_manila_backup {
    if is_service_enabled rabbit; then
        rpc_backend_add_vhost "$MANILA_BACKUP_VHOST"
    fi
    if is_service_enabled manila-backup-api; then
        recreate_database "$MANILA_BACKUP_DATABASE"
        "$MANILA_BACKUP_BIN_DIR/manila-backup-manage" \
            --config-file "$MANILA_BACKUP_CONF" db sync
    fi
}

function start_manila_backup {
    local service
    local api="$MANILA_BACKUP_BIN_DIR/uwsgi --procname-prefix manila-backup-api"
    local worker="$MANILA_BACKUP_BIN_DIR/manila-backup-worker"
    run_process manila-backup-api "$api --ini $MANILA_BACKUP_UWSGI_CONF"
    for service in $(manila_backup_workers); do
        run_process "$service" "$worker --config-file $MANILA_BACKUP_CONF" \
            "" "$MANILA_BACKUP_WORKER_USER"
    done
    if is_service_enabled manila-backup-api; then
        # 503 until it reaches its database and its bus.
        wait_for_service "$SERVICE_TIMEOUT" \
            "$(manila_backup_url)/healthcheck" ||
            die $LINENO "manila-backup-api did not start"
    fi
}

function stop_manila_backup {
    local service
    for service in manila-backup-api $(manila_backup_workers); do
        stop_process "$service"
    done
}

# cleanup_manila_backup - remove what configure and init have made
#
# clean.sh may have stopped the database and RabbitMQ by now. It removes them
# with all that is in them then.
function cleanup_manila_backup {
    local site
    remove_uwsgi_config "$MANILA_BACKUP_UWSGI_CONF" manila-backup-api
    disable_apache_site 000-manila-backup-route
    for site in manila-backup-api 000-manila-backup-route; do
        sudo rm -f "$(apache_site_config_for "$site")"
    done
    sudo rm -rf "${MANILA_BACKUP_CONF_DIR:?}" "${MANILA_BACKUP_STATE_PATH:?}"
    if is_service_enabled rabbit; then
        sudo rabbitmqctl delete_vhost "$MANILA_BACKUP_VHOST" || true
    fi
    drop_manila_backup_database || true
}

function drop_manila_backup_database {
    case $DATABASE_TYPE in
        mysql)
            mysql -u"$DATABASE_USER" -p"$DATABASE_PASSWORD" \
                -h"$DATABASE_HOST" \
                -e "DROP DATABASE IF EXISTS $MANILA_BACKUP_DATABASE;"
            ;;
        postgresql)
            dropdb -h"$DATABASE_HOST" -U"$DATABASE_USER" --if-exists \
                "$MANILA_BACKUP_DATABASE"
            ;;
    esac
}

# Tests
# -----

# configure_manila_backup_tempest - have tempest test share backups
#
# The rest of [share] is about shares: Manila's plugin writes that.
function configure_manila_backup_tempest {
    local newest
    iniset "$TEMPEST_CONFIG" share run_driver_assisted_backup_tests True
    iniset "$TEMPEST_CONFIG" share driver_assisted_backup_test_driver_options ""
    if ! is_manila_backup_beside_manila; then
        newest=$(curl -g -k --noproxy '*' -s "$(manila_backup_url)/v2/" |
            sed -n 's/.*"version": *"\([0-9.]*\)".*/\1/p')
        iniset "$TEMPEST_CONFIG" service_available manila True
        iniset "$TEMPEST_CONFIG" share catalog_type shared-file-system
        iniset "$TEMPEST_CONFIG" share min_api_microversion 2.0
        iniset "$TEMPEST_CONFIG" share max_api_microversion "$newest"
        iniset "$TEMPEST_CONFIG" share multitenancy_enabled False
        iniset "$TEMPEST_CONFIG" share enable_protocols nfs
    fi
}

# What DevStack calls
# -------------------

function run_manila_backup_phase {
    case "$1 $2" in
        "stack pre-install")
            echo_summary "Installing packages for manila-backup"
            install_manila_backup_packages
            ;;
        "stack install")
            echo_summary "Installing manila-backup"
            install_manila_backup
            ;;
        "stack post-config")
            echo_summary "Configuring manila-backup"
            configure_manila_backup
            if is_service_enabled manila-backup-api; then
                create_manila_backup_accounts
            fi
            ;;
        "stack extra")
            echo_summary "Initializing and starting manila-backup"
            init_manila_backup
            start_manila_backup
            ;;
        "stack test-config")
            if is_service_enabled tempest; then
                echo_summary "Configuring tempest for manila-backup"
                configure_manila_backup_tempest
            fi
            ;;
        unstack*)
            echo_summary "Stopping manila-backup"
            stop_manila_backup
            ;;
        clean*)
            echo_summary "Removing what manila-backup has left"
            cleanup_manila_backup
            ;;
    esac
}

if is_service_enabled manila-backup; then
    run_manila_backup_phase "$1" "$2"
fi

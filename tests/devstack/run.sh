#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh MODE [PHASE...] - what stack.sh, unstack.sh or clean.sh does about
# one plugin: reads local.conf, the plugin's settings, and then the plugin
# once for each phase.
#
# HARNESS_ROOT is the directory that everything is below. "localrc" in there is
# local.conf's part of that name, and "post-config" what local.conf has under
# [[post-config|$MANILA_BACKUP_CONF]], a section, option and value each line.

mode=$1
shift

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/devstack/functions.sh
source "$here/functions.sh"
# shellcheck source=/dev/null
source "$HARNESS_ROOT/localrc"

plugin=$DEST/manila-backup/devstack
cd "$HARNESS_ROOT" || exit

function names {
    compgen -A function
    compgen -v | grep -vE '^(BASH.*|PIPESTATUS|FUNCNAME|LINENO|RANDOM|_|before|after|phase)$'
}

function state {
    names
    # stack.sh goes on where it was, as it was.
    set +o
    shopt -p
    pwd
    umask
}

function read_plugin {
    local file=$1 before after
    shift
    before=$(state)
    # shellcheck source=/dev/null
    source "$plugin/$file" "$@"
    after=$(state)
    # Everything that a plugin defines, all other plugins have too.
    if comm -13 <(sort <<<"$before") <(sort <<<"$after") |
            grep -vE '^(TEMPEST_PLUGINS|MANILA_BACKUP_[A-Z_]+|[a-z_]*manila_backup[a-z_]*)$'
    then
        refuse "$file $*: leaves that behind"
    fi
}

# stack.sh ends where something fails; the others go on.
if [[ "$mode" == stack ]]; then
    set -o errexit
fi

if [[ -f $plugin/override-defaults ]]; then
    read_plugin override-defaults
fi
# As lib/tempest does.
TEMPEST_PLUGINS=${TEMPEST_PLUGINS:-0}
read_plugin settings
echo "TEMPEST_PLUGINS=$TEMPEST_PLUGINS ENABLED_SERVICES=$ENABLED_SERVICES"

for phase in "${@:-}"; do
    read_plugin plugin.sh "$mode" "$phase"
    if [[ "$phase" == post-config && -f $HARNESS_ROOT/post-config ]]; then
        while read -r section option value; do
            iniset "$MANILA_BACKUP_CONF" "$section" "$option" "$value"
        done <"$HARNESS_ROOT/post-config"
    fi
done

# A function that was refused in a subshell may not have ended this one.
[[ ! -e $HARNESS_ROOT/refused ]]

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What functions.sh notes calls with, and refuses them; and sudo, for a dry run.
#
# Where HARNESS_DRY is set, what needs a server or takes time is only noted.

# What isn't assigned here, localrc or deployment.py have assigned.
# shellcheck disable=SC2154

# refuse MESSAGE... - a call that DevStack would not have understood
function refuse {
    echo "refused: ${FUNCNAME[1]}: $*" | tee -a "$HARNESS_ROOT/refused" >&2
    exit 1
}

# takes LEAST MOST ARGUMENT... - note the caller's call, if it may be one
function takes {
    local least=$1 most=$2
    shift 2
    if (($# < least || $# > most)); then
        echo "refused: ${FUNCNAME[1]} takes $least to $most arguments: $*" |
            tee -a "$HARNESS_ROOT/refused" >&2
        exit 1
    fi
    local call
    printf -v call ' %q' "$@"
    echo "${FUNCNAME[1]}${*:+$call}" >>"$HARNESS_ROOT/calls"
}

# plain WORD... - DevStack uses these without quotes
function plain {
    local word
    for word in "$@"; do
        if [[ -z "$word" || "$word" == *[[:space:]*?]* ]]; then
            echo "refused: ${FUNCNAME[1]} would split or drop \"$word\"" |
                tee -a "$HARNESS_ROOT/refused" >&2
            exit 1
        fi
    done
}

function dry {
    [[ -n "$HARNESS_DRY" ]]
}

# In a dry run there is no root, no systemd and no RabbitMQ. Otherwise sudo.py
# is the program of this name.
if dry; then
    function sudo {
        local word i words=("$@")
        for word in "$@"; do
            [[ "$word" != /* || "$word" == /dev/null ||
                "$word" == "$HARNESS_ROOT"/* ]] ||
                refuse "$*: $word is outside $HARNESS_ROOT"
        done
        case $1 in
            rabbitmqctl) ;;
            systemctl)
                [[ "$2" != start ]] || "$HARNESS_PYTHON" -B \
                    "$(dirname "${BASH_SOURCE[0]}")/units.py" \
                    "$SYSTEMD_DIR/$3" || refuse "$*"
                ;;
            install)
                # Nobody but root can give files away.
                for i in "${!words[@]}"; do
                    [[ "${words[$i]}" != -o ]] ||
                        unset "words[$i]" "words[$((i + 1))]"
                done
                "${words[@]}"
                ;;
            chown | ln | mkdir | rm | tee) "$@" ;;
            *) refuse "$*: not for a plugin" ;;
        esac
    }
fi

function command_not_found_handle {
    echo "refused: neither DevStack nor this machine has $1" |
        tee -a "$HARNESS_ROOT/refused" >&2
    return 127
}

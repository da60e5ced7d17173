#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Kolla's kolla_start sources this once the configuration is in its place.
# With KOLLA_BOOTSTRAP set, the container brings the database's schema to this
# release's version, and ends; with KOLLA_UPGRADE, it checks whether that
# has happened. Either ends with the command's exit status.

LOGS=/var/log/kolla/manila-backup
if [[ -d /var/log/kolla && ! -d $LOGS ]]; then
    mkdir -p "$LOGS"
fi
if [[ -d $LOGS && $(stat -c %a "$LOGS") != 755 ]]; then
    chmod 755 "$LOGS"
fi

if [[ "${!KOLLA_UPGRADE[*]}" ]]; then
    manila-backup-status upgrade check
    exit
fi
if [[ "${!KOLLA_BOOTSTRAP[*]}" ]]; then
    manila-backup-manage db sync
    exit
fi

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2086,SC2154
#
# What is tried after the guide, in the same shell: what the units take away
# is not needed, and what they promise is kept.

back_up_and_restore() {
    backup=$(ask "$URL/share-backups" -d '{"share_backup": {"share_id": "'"$SHARE"'"}}' \
        | jq -r .share_backup.id)
    until [ "$(ask "$URL/share-backups/$backup" | jq -r .share_backup.status)" = available ]; do
        sleep 1
    done
    rm -rf "/srv/shares/$SHARE/odd"
    ask "$URL/share-backups/$backup/action" -d '{"restore": null}'
    until [ "$(ask "$URL/share-backups/$backup" | jq -r .share_backup.status)" = available ]; do
        sleep 1
    done
}

look() {
    (cd "/srv/shares/$SHARE" && find odd -printf '%p %y %m %U %G %s %T@\n' | sort
     stat -c '%n %t,%T' odd/disk odd/tty
     /usr/lib/manila-backup/bin/python -c 'import os
print([(each, os.getxattr("odd/setuid", each)) for each in sorted(os.listxattr("odd/setuid"))])')
}

mkdir -m 2750 "/srv/shares/$SHARE/odd"
(
    cd "/srv/shares/$SHARE/odd" || exit
    mknod disk b 7 200
    mknod tty c 7 201
    mkfifo fifo
    echo program >setuid
    chown 12345:54321 setuid
    chmod 4755 setuid
    echo secret >unreadable
    chown 54321 unreadable
    chmod 0 unreadable
    /usr/lib/manila-backup/bin/python -c 'import os
os.setxattr("setuid", "trusted.test", b"x")
os.setxattr("setuid", "user.test", b"y")'
)
before=$(look)
back_up_and_restore
[ "$before" = "$(look)" ] || { echo "$before"; look; exit 1; }

# Who no longer says that he works is started anew.
units="manila-backup-api manila-backup-worker@1"
for unit in $units; do
    systemctl show -p Type -p WatchdogUSec -p StatusText -p MainPID "$unit"
    mkdir -p "/run/systemd/system/$unit.service.d"
    printf '[Service]\nWatchdogSec=15\n' >"/run/systemd/system/$unit.service.d/watchdog.conf"
done
systemctl daemon-reload
systemctl restart $units
# It is told more than once that they work.
sleep 35
for unit in $units; do
    [ "$(systemctl show -p NRestarts --value "$unit")" = 0 ]
    systemctl kill --kill-whom=main -s STOP "$unit"
done
for unit in $units; do
    until [ "$(systemctl show -p NRestarts --value "$unit")" = 1 ]; do
        sleep 1
    done
    until systemctl is-active -q "$unit"; do
        sleep 1
    done
    rm -r "/run/systemd/system/$unit.service.d"
done
# With their own time, which they have for ending, too.
systemctl daemon-reload
systemctl restart $units

systemd-analyze security --no-pager | grep manila
logrotate --debug /etc/logrotate.d/manila-backup-common
systemctl stop manila-backup-api manila-backup-worker@1 manila-backup-worker@2
for unit in manila-backup-api manila-backup-worker@1 manila-backup-worker@2; do
    [ "$(systemctl show -p Result --value "$unit")" = success ]
done

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What is tried after more.sh, in the same shell: on the schema of the first
# release, with what its processes have made and what they have left undone,
# the packages take over as the page "Upgrades" says.

# The first release came without packages: its code, with the libraries of
# today's.
OLD=/opt/manila-backup-0.1.0

old_code() {
    echo "import sys; sys.argv[0] = 'manila-backup-$1'; from manila_backup.cmd import $1; $1.main()"
}

old_manage() {
    (cd "$OLD" && PYTHONPATH=$OLD /usr/lib/manila-backup/bin/python -c "$(old_code manage)" "$@")
}

start_old() {
    systemd-run -q --unit "old-$1" --setenv "PYTHONPATH=$OLD" --working-directory "$OLD" \
        /usr/lib/manila-backup/bin/python -c "$(old_code "$1")"
}

backed_up() {
    until [ "$(ask "$URL/share-backups/$1" | jq -r .share_backup.status)" = available ]; do
        sleep 1
    done
}

asked_for() {
    ask "$URL/share-backups" -d '{"share_backup": {"name": "'"$1"'", "share_id": "'"$SHARE"'"}}' \
        | jq -r .share_backup.id
}

mariadb -e 'DROP DATABASE manila_backup'
mariadb -e 'CREATE DATABASE manila_backup CHARACTER SET utf8mb4'
find /srv/shares /srv/backups -mindepth 1 -delete
old_manage db sync
oldest=$(manila-backup-manage db version)
start_old api
start_old worker
until curl -sSf http://127.0.0.1:8789/healthcheck; do
    sleep 1
done
SHARE=$(ask "$URL/shares" -d '{"share": {"share_proto": "NFS", "size": 1, "name": "old"}}' | jq -r .share.id)
until [ "$(ask "$URL/shares/$SHARE" | jq -r .share.status)" = available ]; do
    sleep 1
done
echo old >"/srv/shares/$SHARE/file"
kept=$(asked_for kept)
backed_up "$kept"

# The packages' processes don't start on that.
if manila-backup-status upgrade check; then
    exit 1
fi
if systemctl start manila-backup-api; then
    exit 1
fi
systemctl stop manila-backup-api
systemctl reset-failed manila-backup-api
manila-backup-manage db sync
[ "$oldest" != "$(manila-backup-manage db version)" ]

# Nobody is there for that one until there is a new worker.
systemctl stop old-worker
left=$(asked_for left)
systemctl start manila-backup-worker@1
backed_up "$left"
systemctl stop old-api
systemctl start manila-backup-api
for backup in "$kept" "$left"; do
    echo new >"/srv/shares/$SHARE/file"
    echo new >"/srv/shares/$SHARE/other"
    ask "$URL/share-backups/$backup/action" -d '{"restore": null}'
    backed_up "$backup"
    [ "$(ls "/srv/shares/$SHARE")" = file ]
    grep -q old "/srv/shares/$SHARE/file"
done
backed_up "$(asked_for new)"
manila-backup-manage repository verify --all
# Once the old worker counts as dead, nothing is left to say.
until manila-backup-status upgrade check; do
    sleep 5
done
systemctl stop manila-backup-api manila-backup-worker@1

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One endpoint of the service for each interface, with the URL that it should
# have.
set -eu

service=$(openstack service list -f value -c ID -c Name -c Type |
    awk -v name="$OS_SERVICE_NAME" -v type="$OS_SERVICE_TYPE" \
        '$2 == name && $3 == type { print $1; exit }')
if [[ -z $service ]]; then
    echo "There is no service $OS_SERVICE_NAME of type $OS_SERVICE_TYPE." >&2
    exit 1
fi
for interface in public internal admin; do
    url=URL_${interface^^}
    known=$(openstack endpoint list -f value -c ID --service "$service" \
        --interface "$interface" --region "$OS_REGION_NAME")
    if [[ -z $known ]]; then
        openstack endpoint create --region "$OS_REGION_NAME" \
            "$service" "$interface" "${!url}"
        continue
    fi
    kept=${known%%$'\n'*}
    openstack endpoint set --url "${!url}" "$kept"
    for other in ${known#"$kept"}; do
        openstack endpoint delete "$other"
    done
done

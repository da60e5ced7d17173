#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The service in Keystone's catalog.
set -eu

known=$(openstack service list -f value -c Name -c Type)
if ! grep -qxF "$OS_SERVICE_NAME $OS_SERVICE_TYPE" <<<"$known"; then
    openstack service create --name "$OS_SERVICE_NAME" \
        --description "Backups of shared file systems" "$OS_SERVICE_TYPE"
fi

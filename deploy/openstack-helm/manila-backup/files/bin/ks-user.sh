#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The service's user, with its project, domains and role.
set -eu

domain_id() { openstack domain create --or-show -f value -c id "$1"; }

project_domain=$(domain_id "$SERVICE_OS_PROJECT_DOMAIN_NAME")
user_domain=$(domain_id "$SERVICE_OS_USER_DOMAIN_NAME")
project=$(openstack project create --or-show -f value -c id \
    --domain "$project_domain" "$SERVICE_OS_PROJECT_NAME")
user=$(openstack user create --or-show -f value -c id \
    --domain "$user_domain" "$SERVICE_OS_USERNAME")
openstack user set --password "$SERVICE_OS_PASSWORD" "$user"
role=$(openstack role create --or-show -f value -c id "$SERVICE_OS_ROLE")
openstack role add --user "$user" --project "$project" "$role"

# SPDX-License-Identifier: Apache-2.0
"""Commands of the openstack client for manila-backup.

``api`` speaks to the service by way of python-manilaclient, ``backups`` and
``operations`` have the commands, a module per resource, ``columns`` and
``progress`` what people see.
"""

# SPDX-License-Identifier: Apache-2.0
"""Documentation of the options that all modules have."""


class ModuleDocFragment:
    """Options that say which cloud it is about."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the cloud in C(clouds.yaml).
      - Without it, C(OS_CLOUD) and the other variables C(OS_*) count.
    type: str
  auth:
    description:
      - What the authentication needs, as in C(clouds.yaml).
    type: dict
  auth_type:
    description:
      - Kind of the authentication, such as V(password),
        V(v3applicationcredential), V(http_basic) or V(none).
    type: str
  endpoint:
    description:
      - URL of the service, with C(/v2), if it is not to be that of the
        catalog.
    type: str
  region_name:
    description:
      - Name of the region.
    type: str
  interface:
    description:
      - Which of the catalog's endpoints to use.
    type: str
    choices: [public, internal, admin]
  validate_certs:
    description:
      - Whether the certificates of servers are checked.
    type: bool
  ca_cert:
    description:
      - File of the certificates by which they are.
    type: path
requirements:
  - python >= 3.10
  - openstacksdk >= 4.0.0
  - python-manila-backup-client
"""

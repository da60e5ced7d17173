# SPDX-License-Identifier: Apache-2.0
"""Errors of requests to the service, by what Horizon does about them."""


class ServiceError(Exception):
    """Something that the service did not do.

    :ivar code: int, the status of its answer; 0 if there was none.
    """

    def __init__(self, message, code=0):
        super().__init__(message)
        self.code = code


class NotFound(ServiceError):
    """Something that is not there, or not to be seen by this user."""


class Unauthorized(ServiceError):
    """A token that the service does not take any more."""


def of(code, message):
    """Return the error for an answer.

    :param code: int, its status.
    :param message: str, why.
    """
    kinds = {401: Unauthorized, 404: NotFound}
    return kinds.get(code, ServiceError)(message, code)

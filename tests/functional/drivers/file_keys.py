# SPDX-License-Identifier: Apache-2.0
"""A back end of castellan's that needs no server: keys are files. castellan
itself has none such."""

import os
import uuid

from castellan.common import exception
from castellan.common.objects import passphrase
from castellan.key_manager import key_manager


class FileKeyManager(key_manager.KeyManager):

    def __init__(self, configuration):
        super().__init__(configuration)
        self._path = os.environ['MANILA_BACKUP_TEST_KEYS']

    def store(self, context, managed_object, expiration=None):
        name = str(uuid.uuid4())
        with open(os.path.join(self._path, name), 'xb') as target:
            encoded = managed_object.get_encoded()
            target.write(encoded if isinstance(encoded, bytes)
                         else encoded.encode())
        return name

    def get(self, context, managed_object_id, metadata_only=False):
        try:
            with open(os.path.join(self._path, managed_object_id),
                      'rb') as source:
                return passphrase.Passphrase(source.read().decode())
        except FileNotFoundError:
            raise exception.ManagedObjectNotFoundError(
                uuid=managed_object_id) from None

    def create_key(self, context, algorithm, length, expiration=None):
        raise NotImplementedError()

    def create_key_pair(self, context, algorithm, length, expiration=None):
        raise NotImplementedError()

    def delete(self, context, managed_object_id, force=False):
        try:
            os.unlink(os.path.join(self._path, managed_object_id))
        except FileNotFoundError:
            raise exception.ManagedObjectNotFoundError(
                uuid=managed_object_id) from None

    def add_consumer(self, context, managed_object_id, consumer_data):
        raise NotImplementedError()

    def remove_consumer(self, context, managed_object_id, consumer_data):
        raise NotImplementedError()

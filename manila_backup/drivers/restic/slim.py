# SPDX-License-Identifier: Apache-2.0
"""Keys of local repositories that open at once.

restic takes its time, and tens of megabytes of memory, to make a key of a
password, so that nobody can try many; at every start. The passwords here have
256 random bits, so there is nothing to be tried. In a repository that is a
directory the file with the key can be written anew with less of that: in
restic's own format, for any restic to open (its design document, "Keys,
Encryption and MAC").
"""

import base64
import hashlib
import json
import os

_SCRYPT = {'N': 1024, 'r': 8, 'p': 1}
_MEMORY = 1 << 30


class Unfit(Exception):
    """Not a key as it should be."""


def slim(path, password):
    """Write the key of a repository anew.

    :param path: str, its directory.
    :param password: str.
    :returns: bool, whether that was done; what was there stays otherwise.
    """
    keys = os.path.join(path, 'keys')
    try:
        name, = os.listdir(keys)
        with open(os.path.join(keys, name), 'rb') as source:
            old = source.read()
        new = _rewritten(json.loads(old), password)
        # restic wants all that is in there to be whole.
        fresh = os.path.join(path, 'key.new')
        with open(fresh, 'wb') as target:
            os.fchmod(target.fileno(), 0o400)
            target.write(new)
            target.flush()
            os.fsync(target.fileno())
        os.rename(fresh, os.path.join(keys, hashlib.sha256(new).hexdigest()))
        _sync(keys)
        os.unlink(os.path.join(keys, name))
        return True
    except (OSError, ValueError, KeyError, TypeError, Unfit):
        return False


def _sync(directory):
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _rewritten(key, password):
    if key['kdf'] != 'scrypt':
        raise Unfit
    plain = _decrypted(_derived(key, password),
                       base64.b64decode(key['data']))
    key.update(_SCRYPT, salt=base64.b64encode(os.urandom(64)).decode())
    key['data'] = base64.b64encode(
        _encrypted(_derived(key, password), plain)).decode()
    return json.dumps(key).encode()


def _derived(key, password):
    return hashlib.scrypt(
        password.encode(), salt=base64.b64decode(key['salt']), n=key['N'],
        r=key['r'], p=key['p'], maxmem=_MEMORY, dklen=64)


def _decrypted(key, data):
    nonce, text, tag = data[:16], data[16:-16], data[-16:]
    if _tag(key, nonce, text) != tag:
        raise Unfit
    return _ctr(key, nonce, text)


def _encrypted(key, plain):
    nonce = os.urandom(16)
    text = _ctr(key, nonce, plain)
    return nonce + text + _tag(key, nonce, text)


def _ctr(key, nonce, data):
    """AES-256 in counter mode: it is its own inverse."""
    from cryptography.hazmat.primitives import ciphers
    from cryptography.hazmat.primitives.ciphers import algorithms
    from cryptography.hazmat.primitives.ciphers import modes

    return ciphers.Cipher(algorithms.AES(key[:32]),
                          modes.CTR(nonce)).encryptor().update(data)


def _tag(key, nonce, data):
    """Poly1305-AES."""
    from cryptography.hazmat.primitives import ciphers
    from cryptography.hazmat.primitives.ciphers import algorithms
    from cryptography.hazmat.primitives.ciphers import modes
    from cryptography.hazmat.primitives import poly1305

    # Of one block, as that is defined.
    once = ciphers.Cipher(algorithms.AES(key[32:48]),
                          modes.ECB()     # noqa: S305
                          ).encryptor().update(nonce)
    return poly1305.Poly1305.generate_tag(key[48:64] + once, data)

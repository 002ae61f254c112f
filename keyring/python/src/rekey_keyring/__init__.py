"""Sign JWTs with one shared key, verify with several, and follow a rotation by rekey."""

from ._claims import TokenRefused
from ._info import key_info, key_info_metric
from ._keyring import Key, Keyring, KeyringError
from ._mounted import mounted_keyring
from ._read import env_keyring, read_keyring
from ._tokens import Tokens

__all__ = [
    "Key",
    "Keyring",
    "KeyringError",
    "TokenRefused",
    "Tokens",
    "env_keyring",
    "key_info",
    "key_info_metric",
    "mounted_keyring",
    "read_keyring",
]

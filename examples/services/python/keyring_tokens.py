"""Signs and verifies with the keyring library and PyJWT: docs/services/keyring.md. This is all that a service needs."""

from rekey_keyring import Keyring, KeyringError, TokenRefused, env_keyring, mounted_keyring
from rekey_keyring.pyjwt import pyjwt_tokens

NAME = "keyring"
KeysetError, Refused = KeyringError, TokenRefused


def make_tokens(env, settings, report):
    """Returns what signs and verifies; raises KeysetError.

    Weak keys are accepted: a service must run with the key that it has until rekey has rotated it away.
    """

    def reloaded(_, error):
        if error is None:
            report("keyset reloaded")
        else:
            report("keyset not reloaded", error=str(error))

    if env.get("KEYSET_DIR"):
        keyring = mounted_keyring(env["KEYSET_DIR"], True, reloaded, "HS256")
    else:
        keyring = env_keyring(True, env, "HS256")
    if env.get("KEY_MODE") == "single":
        keyring = _without_fallbacks(keyring)
    return pyjwt_tokens(keyring, settings.issuer, settings.audience, settings.leeway_seconds)


def _without_fallbacks(keyring):
    """The fault that the tests need, not something to copy."""
    return lambda: Keyring(keyring().algorithm, keyring().keys[:1])

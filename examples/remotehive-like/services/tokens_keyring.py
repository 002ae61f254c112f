"""The same with the keyring library: signs with the key, verifies with it and with the fallbacks."""

import uuid

from rekey_keyring import TokenRefused, env_keyring
from rekey_keyring.pyjwt import pyjwt_tokens

# weak keys are accepted until rekey has rotated the tutorial's key away: then remove this
_tokens = pyjwt_tokens(env_keyring(allow_weak_keys=True), issuer="remotehive", audience="remotehive")

Refused = TokenRefused


def sign(claims, ttl_seconds):
    return _tokens.sign({"jti": str(uuid.uuid4()), **claims}, ttl_seconds)


def verify(token):
    """Returns the claims; raises Refused."""
    return _tokens.verify(token)

"""Signs and verifies with PyJWT."""

from typing import Any, Dict, Optional

import jwt
from jwt.api_jws import PyJWS

from ._claims import Rules, malformed
from ._read import KeyringSource
from ._tokens import Tokens

_jws = PyJWS()


def pyjwt_tokens(
    keyring: KeyringSource,
    issuer: Optional[str] = None,
    audience: Optional[str] = None,
    leeway_seconds: float = 60,
) -> Tokens:
    """Raises ValueError that names the rule that cannot be used."""
    return Tokens(keyring, Rules(issuer, audience, leeway_seconds), _sign_with, _is_signed_with)


def _sign_with(claims: Dict[str, Any], key: bytes, algorithm: str, header: Dict[str, str]) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=header)


def _is_signed_with(token: str, key: bytes, algorithm: str) -> bool:
    """Only a bad signature moves on to the next key."""
    try:
        _jws.decode_complete(token, key, algorithms=[algorithm])
    except jwt.InvalidSignatureError:
        return False
    except jwt.PyJWTError:
        raise malformed("PyJWT cannot read it") from None
    return True

"""Signs and verifies with python-jose."""

from typing import Any, Dict, Optional

from jose import jwk, jws
from jose.exceptions import JOSEError

from ._claims import Rules, malformed
from ._read import KeyringSource
from ._tokens import Tokens

_BAD_SIGNATURE = "Signature verification failed."  # python-jose has no class of its own for it


def jose_tokens(
    keyring: KeyringSource,
    issuer: Optional[str] = None,
    audience: Optional[str] = None,
    leeway_seconds: float = 60,
) -> Tokens:
    """Raises ValueError that names the rule that cannot be used."""
    return Tokens(keyring, Rules(issuer, audience, leeway_seconds), _sign_with, _is_signed_with)


def _sign_with(claims: Dict[str, Any], key: bytes, algorithm: str, header: Dict[str, str]) -> str:
    return jws.sign(claims, jwk.construct(key, algorithm), headers=header, algorithm=algorithm)


def _is_signed_with(token: str, key: bytes, algorithm: str) -> bool:
    """Only a bad signature moves on to the next key.

    The key is constructed here: of bytes alone python-jose would read some as JSON.
    """
    try:
        jws.verify(token, jwk.construct(key, algorithm), algorithms=[algorithm])
    except JOSEError as error:
        if str(error) == _BAD_SIGNATURE:
            return False
        raise malformed("python-jose cannot read it") from None
    return True

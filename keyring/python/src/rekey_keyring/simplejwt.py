"""djangorestframework-simplejwt with a keyring. In ``ready`` of an AppConfig: ``use_keyring(env_keyring())``."""

from typing import Any, Dict

import jwt
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import api_settings

from ._claims import TokenRefused
from ._read import KeyringSource
from .pyjwt import _is_signed_with


class KeyringBackend(TokenBackend):
    """Signs with the signing key and verifies with each key. All else is as ``SIMPLE_JWT`` says."""

    def __init__(self, keyring: KeyringSource) -> None:
        super().__init__(
            keyring().algorithm,
            audience=api_settings.AUDIENCE,
            issuer=api_settings.ISSUER,
            leeway=api_settings.LEEWAY,
            json_encoder=api_settings.JSON_ENCODER,
        )
        self._keyring = keyring

    def get_verifying_key(self, token: Any) -> bytes:
        """The key that has signed the token. If none has: any one, and simplejwt refuses the token with it."""
        keys = self._keyring().keys
        return next((key.lend() for key in keys if self._has_signed(key.lend(), token)), keys[0].lend())

    def _has_signed(self, key: bytes, token: Any) -> bool:
        try:
            return _is_signed_with(token, key, self.algorithm)
        except TokenRefused:
            return False

    def encode(self, payload: Dict[str, Any]) -> str:
        key = self._keyring().keys[0]
        claims = {"aud": self.audience, "iss": self.issuer}
        return jwt.encode(
            {**payload, **{name: value for name, value in claims.items() if value is not None}},
            key.lend(),
            algorithm=self.algorithm,
            headers={} if key.kid is None else {"kid": key.kid},
            json_encoder=self.json_encoder,
        )


def use_keyring(keyring: KeyringSource) -> None:
    """All tokens of simplejwt are signed and verified with these keys from here on; ``SIGNING_KEY`` is not used."""
    state.token_backend = KeyringBackend(keyring)

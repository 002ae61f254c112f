"""Signs and verifies with a keyring; the library that does so is given."""

from typing import Any, Callable, Dict, Mapping, Optional

from ._claims import Rules, TokenRefused, check_claims, new_claims, read_token
from ._read import KeyringSource

#: (claims, key, algorithm, header) to a token
SignWith = Callable[[Dict[str, Any], bytes, str, Dict[str, str]], str]
#: (token, key, algorithm) to whether the signature is good
IsSignedWith = Callable[[str, bytes, str], bool]


class Tokens:
    """The library checks signatures; what a token must say is checked here, by the same rule in every language."""

    def __init__(self, keyring: KeyringSource, rules: Rules, sign_with: SignWith, is_signed_with: IsSignedWith) -> None:
        self._keyring, self._rules = keyring, rules
        self._sign_with, self._is_signed_with = sign_with, is_signed_with

    def sign(self, claims: Mapping[str, Any], ttl_seconds: float) -> str:
        """A token signed with the signing key. ``ttl_seconds`` is at most ``maxTokenTTL`` of the rotation."""
        keyring = self._keyring()
        key = keyring.keys[0]
        header: Dict[str, str] = {} if key.kid is None else {"kid": key.kid}
        return self._sign_with(new_claims(claims, ttl_seconds, self._rules), key.lend(), keyring.algorithm, header)

    def verify(self, token: str) -> Dict[str, Any]:
        """The claims of a token that any of the keys has signed; raises TokenRefused with the reason as ``code``."""
        keyring = self._keyring()
        kid, claims = read_token(token, keyring.algorithm)
        for key in keyring.in_order(kid):
            if self._is_signed_with(token, key.lend(), keyring.algorithm):
                return check_claims(claims, self._rules)
        raise TokenRefused("bad_signature", "no key has signed the token")

"""The keys of one service at one time."""

import hmac
from typing import Optional, Sequence, Tuple

from ._weak import is_guessable


class KeyringError(Exception):
    """The keys cannot be used. The message names the variable and what to do, and has no part of a value."""

    def __init__(self, variable: str, problem: str, where: Optional[str] = None) -> None:
        super().__init__(f"{where or variable} {problem}")
        #: such as ``JWT_SECRET_KEY``
        self.variable = variable


class Key:
    """One key. It can be printed: that shows no byte."""

    __slots__ = ("kid", "fingerprint", "_secret")

    def __init__(self, text: str, kid: Optional[str] = None) -> None:
        """The HMAC key is the UTF-8 bytes of the text, exactly."""
        self._secret = text.encode()
        #: only of the key that signs, and only where JWT_KEY_ID is set
        self.kid = kid
        digest = hmac.new(self._secret, b"rekey.dev/fingerprint/v1", "sha256").hexdigest()
        #: tells keys apart: 16 hexadecimal digits, the same that rekey shows; of a weak key ``weak-`` and four
        self.fingerprint = f"weak-{digest[:4]}" if is_guessable(self._secret) else digest[:16]

    def lend(self) -> bytes:
        """The bytes, for a JWT library. Keep them nowhere."""
        return self._secret

    def __repr__(self) -> str:
        return f"Key(kid={self.kid!r}, fingerprint={self.fingerprint!r})"

    def __reduce__(self):
        raise TypeError("a key is not written anywhere")


class Keyring:
    """The first key signs, all verify; never changed."""

    __slots__ = ("algorithm", "keys")

    def __init__(self, algorithm: str, keys: Sequence[Key]) -> None:
        self.algorithm = algorithm
        self.keys: Tuple[Key, ...] = tuple(keys)

    def in_order(self, kid: Optional[str]) -> Tuple[Key, ...]:
        """All keys, those first that the ``kid`` of a token points at.

        It is a hint and excludes none: nobody has checked it, and one key can have two ids. One that is not the id of
        the signing key means a fallback.
        """
        signing, fallbacks = self.keys[0], self.keys[1:]
        is_other = kid is not None and signing.kid is not None and kid != signing.kid
        return (*fallbacks, signing) if is_other else self.keys

    def __repr__(self) -> str:
        return f"Keyring(algorithm={self.algorithm!r}, keys={self.keys!r})"

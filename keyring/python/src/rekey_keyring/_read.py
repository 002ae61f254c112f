"""Reads a keyring from variables, and refuses what cannot be one."""

import os
import re
import unicodedata
from typing import Callable, Mapping, Optional, Sequence

from ._keyring import Key, Keyring, KeyringError
from ._weak import MIN_KEY_BYTES, is_guessable, is_public

#: Returns the newest keyring that could be read. Ask it for each token: keep the function, not the keyring.
KeyringSource = Callable[[], Keyring]

#: What is read, from the environment or from files of these names.
VARIABLES = ("JWT_SECRET_KEY", "JWT_SECRET_KEY_FALLBACKS", "JWT_KEY_ID", "JWT_ALGORITHM")

_ALGORITHMS = ("HS256", "HS384", "HS512")
_KEY_ID = re.compile(r"[A-Za-z0-9._~:/@+=-]{1,128}")  # what may be a key id in rekey
_MIN_TELLING = 8  # shorter, it may be in a key by chance
_MAX_KEYS = 64  # each token with a bad signature is tried with each key
_INVISIBLE = "\u200b\u2060\ufeff\ufffd"  # and what stands for bytes that are not UTF-8
_REMEDY = 'make one with "openssl rand -hex 32"'


def env_keyring(
    allow_weak_keys: bool = False,
    variables: Optional[Mapping[str, str]] = None,
    algorithm: Optional[str] = None,
) -> KeyringSource:
    """Reads the variables once: what a process has in its environment changes only with a restart.

    Raises KeyringError where they cannot be used.
    """
    keyring = read_keyring(os.environ if variables is None else variables, allow_weak_keys, algorithm)
    return lambda: keyring


def read_keyring(
    variables: Mapping[str, str],
    allow_weak_keys: bool = False,
    algorithm: Optional[str] = None,
) -> Keyring:
    """Reads a keyring: ``JWT_SECRET_KEY`` signs; it and each entry of ``JWT_SECRET_KEY_FALLBACKS`` verify.

    The key is the text itself: nothing is trimmed or decoded. An empty variable is as good as an absent one.
    ``allow_weak_keys`` accepts keys that can be guessed or are publicly known, if they are long enough: set it until
    rekey has rotated such a key away, and no longer. ``algorithm`` is the one algorithm, for services that pin it in
    code; ``JWT_ALGORITHM`` is not read then. Raises KeyringError.
    """
    pinned = algorithm if algorithm is not None else variables.get("JWT_ALGORITHM") or "HS256"
    if pinned not in _ALGORITHMS:
        raise KeyringError("JWT_ALGORITHM" if algorithm is None else "algorithm", "is not HS256, HS384 or HS512")
    entries = [text for text in (variables.get("JWT_SECRET_KEY_FALLBACKS") or "").split(",") if text]
    if len(entries) >= _MAX_KEYS:
        problem = f"has {len(entries)} keys: at most {_MAX_KEYS - 1} can be tried"
        raise KeyringError("JWT_SECRET_KEY_FALLBACKS", problem)
    signing = variables.get("JWT_SECRET_KEY") or ""
    _check(signing, "JWT_SECRET_KEY", "JWT_SECRET_KEY", allow_weak_keys)
    for i, text in enumerate(entries, 1):
        where = f"entry {i} of JWT_SECRET_KEY_FALLBACKS"
        _check(text, "JWT_SECRET_KEY_FALLBACKS", where, allow_weak_keys)
    kid = _key_id(variables.get("JWT_KEY_ID"), [signing, *entries])
    others = [text for text in dict.fromkeys(entries) if text != signing]
    return Keyring(pinned, [Key(signing, kid), *map(Key, others)])


def _key_id(kid: Optional[str], keys: Sequence[str]) -> Optional[str]:
    """Everybody can see an id, so it must have nothing of a key."""
    if not kid:
        return None
    if not _KEY_ID.fullmatch(kid):
        raise KeyringError("JWT_KEY_ID", "is not a key id: write at most 128 letters, digits and . _ ~ : / @ + = -")
    if any(key in kid or (len(kid) >= _MIN_TELLING and kid in key) for key in keys):
        raise KeyringError("JWT_KEY_ID", "contains part of a key, and everybody can see an id")
    return kid


def _check(text: str, variable: str, where: str, allow_weak_keys: bool) -> None:
    def refuse(problem: str) -> KeyringError:
        return KeyringError(variable, problem, where)

    if not text:
        raise refuse(f"is missing: set it to a key of at least {MIN_KEY_BYTES} bytes; {_REMEDY}")
    if any(map(_is_unfit, text)):
        raise refuse("has white space, a control character or bytes that are not UTF-8: write the key alone")
    if text.startswith("[") and text.endswith("]"):
        raise refuse("is a list in brackets: write keys with a comma between them and nothing else")
    key = text.encode()
    if len(key) < MIN_KEY_BYTES:
        problem = f"has {len(key)} bytes: HS256 needs at least {MIN_KEY_BYTES} (RFC 7518 section 3.2); {_REMEDY}"
        raise refuse(problem)
    if allow_weak_keys:
        return
    if is_public(text):
        raise refuse(f"is publicly known or stands for a key that was never set: {_REMEDY}")
    if is_guessable(key):
        raise refuse(f"can be guessed, it has few different characters or repeats itself: {_REMEDY}")


def _is_unfit(character: str) -> bool:
    """White space of any alphabet, control characters, byte order marks; Cs stands for a byte that is not UTF-8."""
    if character in _INVISIBLE or character.isspace():
        return True
    return unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cs")

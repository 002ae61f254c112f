"""The same as keyring_tokens.py by the standard library alone, for a machine without PyJWT: sign with one key, verify with all."""

import base64
import binascii
import hmac
import json
import math
import os
import time

NAME = "standard library"
MIN_KEY_BYTES = 32  # RFC 7518 section 3.2: an HS256 key has at least 256 bits


class KeysetError(Exception):
    """The keys cannot be used. The message names the variable, never the value."""


class Refused(Exception):
    """The token is refused; the code is one of bad_signature, expired, invalid_claims, malformed."""

    @property
    def code(self):
        return str(self)


def make_tokens(env, settings, report):
    """Returns what signs and verifies; raises KeysetError."""
    if env.get("KEYSET_DIR"):
        keyset = MountedKeyset(env["KEYSET_DIR"], env, report).current
    else:
        unchanged = Keyset(env)
        keyset = lambda: unchanged  # noqa: E731
    return Tokens(keyset, settings)


class Tokens:
    """Signs and verifies by the rules of the settings, with the keys as they are now."""

    def __init__(self, keyset, settings):
        self._keyset, self._settings = keyset, settings

    def sign(self, claims, ttl_seconds):
        now, settings = int(time.time()), self._settings
        named = {"iss": settings.issuer, "aud": settings.audience}
        named = {name: value for name, value in named.items() if value}
        return self._keyset().sign({**claims, "iat": now, "exp": now + ttl_seconds, **named})

    def verify(self, token):
        settings = self._settings
        return self._keyset().verify(token, settings.leeway_seconds, settings.issuer, settings.audience)


class Keyset:
    """`keys[0]` signs, every one verifies; `kid` is a help for people and is never read back to choose a key."""

    def __init__(self, source):
        """Reads JWT_SECRET_KEY, JWT_SECRET_KEY_FALLBACKS and JWT_KEY_ID; raises KeysetError.

        The HMAC key is the UTF-8 text itself: nothing is trimmed or decoded. KEY_MODE=single leaves the fallbacks
        out: the fault that the tests need, not something to copy.
        """
        self.keys = [_key("JWT_SECRET_KEY", source.get("JWT_SECRET_KEY", ""))]
        if source.get("KEY_MODE") != "single":
            others = [k for k in source.get("JWT_SECRET_KEY_FALLBACKS", "").split(",") if k]
            self.keys += [_key(f"entry {i} of JWT_SECRET_KEY_FALLBACKS", k) for i, k in enumerate(others, 1)]
        self.kid = source.get("JWT_KEY_ID") or None

    def sign(self, claims):
        """Returns a compact JWS over `claims`, signed with the signing key."""
        header = {"alg": "HS256", "typ": "JWT", **({"kid": self.kid} if self.kid else {})}
        body = f"{_encode(header)}.{_encode(claims)}"
        return f"{body}.{_b64(_mac(self.keys[0], body.encode()))}"

    def verify(self, token, leeway_seconds, issuer=None, audience=None):
        """Returns the claims of a token that any of the keys has signed; raises Refused."""
        try:
            body, signature = token.rsplit(".", 1)
            header, payload = (_decode(part) for part in body.split("."))
            mac = _unb64(signature)
        except (ValueError, binascii.Error):
            raise Refused("malformed") from None
        # Pinned: the header of a token never chooses the algorithm. An extension that we must understand is refused.
        if not isinstance(header, dict) or header.get("alg") != "HS256" or "crit" in header:
            raise Refused("malformed")
        # A bad signature, and nothing else, moves on to the next key.
        if not any(hmac.compare_digest(mac, _mac(key, body.encode())) for key in self.keys):
            raise Refused("bad_signature")
        _check_claims(payload, leeway_seconds, issuer, audience)
        return payload


class MountedKeyset:
    """A keyset that follows the files of a mounted Secret.

    The kubelet swaps the link `..data` for every new version. One readlink per request costs about a microsecond, is
    never late and needs no watcher. All files are read through the resolved link: two versions are never mixed.
    """

    NAMES = ("JWT_SECRET_KEY", "JWT_SECRET_KEY_FALLBACKS", "JWT_KEY_ID")

    def __init__(self, directory, settings, report):
        self._directory, self._settings, self._report = directory, settings, report
        self._version = self._find_version()
        self._keyset = self._load(self._version)

    def current(self):
        """Returns the newest keyset that can be used: refusing every token would be worse than an old one."""
        version = self._find_version()
        if version != self._version:
            self._version = version
            try:
                self._keyset = self._load(version)
                self._report("keyset reloaded")
            except KeysetError as error:
                self._report("keyset not reloaded", error=str(error))
        return self._keyset

    def _find_version(self):
        try:
            return os.path.join(self._directory, os.readlink(os.path.join(self._directory, "..data")))
        except OSError:
            return self._directory

    def _load(self, version):
        source = {"KEY_MODE": self._settings.get("KEY_MODE", "")}
        for name in self.NAMES:
            try:
                with open(os.path.join(version, name), encoding="utf-8", newline="") as file:
                    source[name] = file.read()
            except FileNotFoundError:
                source[name] = ""
        return Keyset(source)


def _key(where, text):
    key = text.encode()
    if not key:
        raise KeysetError(f"{where} is missing: set it to a key of at least 32 bytes")
    if len(key) < MIN_KEY_BYTES:
        raise KeysetError(f"{where} has {len(key)} bytes: HS256 needs at least {MIN_KEY_BYTES} (RFC 7518 section 3.2)")
    return key


def _check_claims(claims, leeway, issuer, audience):
    now = time.time()
    if not isinstance(claims, dict):
        raise Refused("malformed")
    # A token without an end would outlive every retired key.
    if not _is_number(claims.get("exp")) or not _is_number(claims.get("nbf", 0)):
        raise Refused("invalid_claims")
    if now - leeway >= claims["exp"]:
        raise Refused("expired")
    if claims.get("nbf", 0) > now + leeway:
        raise Refused("invalid_claims")
    if issuer and claims.get("iss") != issuer:
        raise Refused("invalid_claims")
    audiences = claims.get("aud")
    if audience and audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise Refused("invalid_claims")


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _mac(key, body):
    return hmac.digest(key, body, "sha256")


def _b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _encode(value):
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _decode(text):
    return json.loads(_unb64(text))

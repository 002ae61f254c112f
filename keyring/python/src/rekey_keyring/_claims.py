"""What a token must say besides bearing a good signature."""

import base64
import binascii
import json
import math
import re
import time
from typing import Any, Dict, Mapping, Optional, Tuple

MAX_TOKEN_BYTES = 8192
_MAX_LEEWAY_SECONDS = 3600
# Without padding, white space or the letters of the other alphabet: some libraries skip these, others do not.
_COMPACT = re.compile("[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+")


class TokenRefused(Exception):
    """The token is not accepted. ``code`` is one of malformed, bad_signature, expired, invalid_claims."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rules:
    """``issuer`` and ``audience`` are signed as iss and aud, and then required of every token."""

    def __init__(self, issuer: Optional[str], audience: Optional[str], leeway_seconds: float) -> None:
        if issuer == "":
            raise ValueError("issuer is empty: leave it out, or set it to the iss of your tokens")
        if audience == "":
            raise ValueError("audience is empty: leave it out, or set it to the aud of your tokens")
        if not _is_number(leeway_seconds) or not 0 <= leeway_seconds <= _MAX_LEEWAY_SECONDS:
            raise ValueError(f"leeway_seconds is not a number from 0 to {_MAX_LEEWAY_SECONDS}")
        self.issuer, self.audience, self.leeway_seconds = issuer, audience, leeway_seconds


def read_token(token: str, algorithm: str) -> Tuple[Optional[str], Dict[str, Any]]:
    """Refuses what needs no key: size, form, another algorithm, extensions that one must understand.

    Returns the key id, a hint, and the claims, for which nobody has vouched yet. Raises TokenRefused.
    """
    if not isinstance(token, str) or len(token) > MAX_TOKEN_BYTES:
        raise malformed(f"it has over {MAX_TOKEN_BYTES} bytes")
    if not _COMPACT.fullmatch(token):
        raise malformed("it is not three parts of base64url")
    header_part, payload_part, signature = token.split(".")
    if base64.urlsafe_b64encode(_decode(signature)).rstrip(b"=").decode() != signature:
        raise malformed("the signature is not canonical")
    header = _read_part(header_part)
    if header.get("alg") != algorithm:
        raise malformed(f"its algorithm is not {algorithm}")
    if "crit" in header:
        raise malformed("its header has crit")
    if "kid" in header and not isinstance(header["kid"], str):
        raise malformed("its kid is not a string")
    return header.get("kid"), _read_part(payload_part)


def check_claims(claims: Dict[str, Any], rules: Rules) -> Dict[str, Any]:
    """Checks the claims of a token whose signature is good, and returns them. Raises TokenRefused."""
    now, leeway = time.time(), rules.leeway_seconds
    # a token without an end would outlive every retired key
    if not _is_number(claims.get("exp")):
        raise _invalid("exp is missing or not a number")
    for name in ("nbf", "iat"):
        if name in claims and not _is_number(claims[name]):
            raise _invalid(f"{name} is not a number")
    if now - leeway >= claims["exp"]:
        raise TokenRefused("expired", "the token has expired")
    for name in ("nbf", "iat"):
        if claims.get(name, 0) > now + leeway:
            raise _invalid(f"{name} is in the future")
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise _invalid("iss is not the issuer")
    audiences = claims.get("aud")
    if rules.audience is not None and rules.audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise _invalid("aud is not the audience")
    return claims


def new_claims(claims: Mapping[str, Any], ttl_seconds: float, rules: Rules) -> Dict[str, Any]:
    """What a new token says: the times and names are ours, whatever ``claims`` says of them."""
    if not _is_number(ttl_seconds) or ttl_seconds <= 0:
        raise ValueError("ttl_seconds is not a number above 0")
    iat = int(time.time())
    result = {**claims, "iat": iat, "exp": iat + int(ttl_seconds)}
    if rules.issuer is not None:
        result["iss"] = rules.issuer
    if rules.audience is not None:
        result["aud"] = rules.audience
    return result


def malformed(what: str) -> TokenRefused:
    """The error of a token that cannot be read."""
    return TokenRefused("malformed", f"the token is malformed: {what}")


def _invalid(what: str) -> TokenRefused:
    return TokenRefused("invalid_claims", f"the token is not valid: {what}")


def _read_part(part: str) -> Dict[str, Any]:
    try:
        value = json.loads(_decode(part).decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError):  # ValueError: not UTF-8, not JSON
        raise malformed("a part is not JSON") from None
    if not isinstance(value, dict):
        raise malformed("a part is not a JSON object")
    return value


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _decode(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise malformed("a part is not base64url") from None


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False

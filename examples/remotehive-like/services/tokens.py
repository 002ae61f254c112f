"""As services are before rekey: one key, taken once at the start, with a default in code."""

import os
import time
import uuid

import jwt

KEY = (
    os.environ.get("JWT_SECRET_KEY")
    or os.environ.get("SECRET_KEY")
    or "your-super-secret-jwt-key-change-in-production"
)
RULES = {"issuer": "remotehive", "audience": "remotehive"}

Refused = jwt.PyJWTError


def sign(claims, ttl_seconds):
    now = int(time.time())
    own = {"iss": RULES["issuer"], "aud": RULES["audience"], "iat": now, "exp": now + ttl_seconds}
    return jwt.encode({"jti": str(uuid.uuid4()), **claims, **own}, KEY, algorithm="HS256")


def verify(token):
    """Returns the claims; raises Refused."""
    return jwt.decode(token, KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]}, **RULES)

"""What main and scraper share: which tokens module, who is known, what a request must bring."""

import os

import uvicorn
from fastapi import Header, HTTPException

# TOKENS=keyring switches to the keyring library, so that both can be tried with one image
if os.environ.get("TOKENS") == "keyring":
    import tokens_keyring as tokens
else:
    import tokens

#: Stands for the table of users, and of services that have accounts.
USERS = os.environ["USERS"].split(",")


def known_subject(token, kind="access"):
    """Returns the subject of a token of this kind. An unknown one gets the same answer as a bad signature."""
    try:
        claims = tokens.verify(token)
    except tokens.Refused:
        raise HTTPException(401, "invalid token") from None
    if claims.get("type", "access") != kind or claims.get("sub") not in USERS:
        raise HTTPException(401, "invalid token")
    return claims["sub"]


def current_user(authorization: str = Header("")):
    """A dependency: the subject of the bearer token."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401, "no token")
    return known_subject(token)


def serve(app):
    host = os.environ.get("HOST", "0.0.0.0")
    uvicorn.run(app, host=host, port=int(os.environ["PORT"]), access_log=False, log_level="warning")

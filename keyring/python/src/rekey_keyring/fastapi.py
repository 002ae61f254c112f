"""A dependency for FastAPI."""

from typing import Any, Callable, Coroutine, Dict, Optional

from fastapi import HTTPException, Request

from ._bearer import find_token
from ._claims import TokenRefused
from ._tokens import Tokens


def token_claims(tokens: Tokens, cookie: Optional[str] = None) -> Callable[[Request], Coroutine[Any, Any, Dict[str, Any]]]:
    """A dependency: the claims of the request's token, or 401. ``Depends(token_claims(tokens))``.

    The token is in the header ``Authorization: Bearer``, and if there is none, in the cookie of that name. A cookie
    needs protection against CSRF besides.
    """

    async def dependency(request: Request) -> Dict[str, Any]:
        token = find_token(request.headers.get("authorization"), request.cookies, cookie)
        if token is None:
            raise _unauthorized("missing_token")
        try:
            return tokens.verify(token)
        except TokenRefused as refused:
            raise _unauthorized(refused.code) from None

    return dependency


def _unauthorized(code: str) -> HTTPException:
    return HTTPException(status_code=401, detail=code, headers={"WWW-Authenticate": "Bearer"})

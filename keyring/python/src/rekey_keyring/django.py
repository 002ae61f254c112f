"""A decorator for views of Django."""

from functools import wraps
from typing import Any, Callable, Optional

from django.http import HttpRequest, HttpResponse, JsonResponse

from ._bearer import find_token
from ._claims import TokenRefused
from ._tokens import Tokens


def require_token(tokens: Tokens, cookie: Optional[str] = None) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorates a view: it runs for good tokens only and finds the claims in ``request.token_claims``; else 401.

    The token is in the header ``Authorization: Bearer``, and if there is none, in the cookie of that name. A cookie
    needs protection against CSRF besides.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            token = find_token(request.headers.get("Authorization"), request.COOKIES, cookie)
            if token is None:
                return _unauthorized("missing_token")
            try:
                claims = tokens.verify(token)
            except TokenRefused as refused:
                return _unauthorized(refused.code)
            request.token_claims = claims  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        return checked

    return decorate


def _unauthorized(code: str) -> HttpResponse:
    response = JsonResponse({"error": code}, status=401)
    response["WWW-Authenticate"] = "Bearer"
    return response

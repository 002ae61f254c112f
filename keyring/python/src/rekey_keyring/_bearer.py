"""Where a request has its token."""

import re
from typing import Mapping, Optional

_BEARER = re.compile("Bearer ([^ ]+)", re.IGNORECASE)


def find_token(authorization: Optional[str], cookies: Mapping[str, str], cookie: Optional[str]) -> Optional[str]:
    """``Authorization: Bearer``, and if there is no such header, the cookie of that name, if there is a name."""
    if authorization is not None:
        bearer = _BEARER.fullmatch(authorization)
        return bearer[1] if bearer else None
    return cookies.get(cookie) or None if cookie else None

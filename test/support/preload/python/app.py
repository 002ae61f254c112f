"""A service that verifies with one key, taken once at start: ASGI as `asgi`, WSGI as `wsgi`."""
import os

import jwt

KEY = os.environ["JWT_SECRET_KEY"]


def status_of(header):
    try:
        jwt.decode(header[len("Bearer ") :], KEY, algorithms=["HS256"], issuer="shop")
        return 200
    except jwt.PyJWTError:
        return 401


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"].split(".")[1]
            await send({"type": "lifespan.%s.complete" % event})
            if event == "shutdown":
                return
    header = dict(scope["headers"]).get(b"authorization", b"").decode()
    pid = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": status_of(header), "headers": [(b"x-pid", pid)]})
    await send({"type": "http.response.body", "body": b""})


def wsgi(environ, start_response):
    status = status_of(environ.get("HTTP_AUTHORIZATION", ""))
    start_response("%d x" % status, [("x-pid", str(os.getpid()))])
    return [b""]

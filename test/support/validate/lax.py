"""Services with PyJWT as people write them. LAX says which: pinned, optional-exp, ignores-exp, unverified, or empty-entry."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt

lax = os.environ["LAX"]
listed = os.environ.get("JWT_SECRET_KEY_FALLBACKS", "").split(",")
keys = [os.environ["JWT_SECRET_KEY"], *(listed if lax == "empty-entry" else filter(None, listed))]
if lax == "empty-entry":
    keys.append("")
OPTIONS = {
    "optional-exp": {},
    "ignores-exp": {"verify_exp": False},
    "unverified": {"verify_signature": False},
}
options = OPTIONS.get(lax, {"require": ["exp"]})


def verify(token):
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=["HS256"], leeway=60, options=options)
        except jwt.InvalidSignatureError as error:
            failure = error
    raise failure


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            verify((self.headers["authorization"] or "").removeprefix("Bearer "))
            status = 200
        except jwt.PyJWTError:
            status = 401
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer((os.environ["POD_IP"], 0), Handler)
address, port = server.server_address
print(json.dumps({"event": "listening", "url": f"http://{address}:{port}"}), flush=True)
server.serve_forever()

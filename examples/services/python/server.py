"""The example service in Python: the same settings, routes and answers as examples/services/node/server.ts."""

import json
import math
import os
import re
import signal
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

try:
    import keyring_tokens as library
except ModuleNotFoundError:  # without PyJWT or the keyring library
    import keyset as library


class Settings:
    """Read once from the environment; raises ValueError when one cannot be used."""

    def __init__(self, env):
        self.service = env.get("SERVICE_NAME") or "example"
        self.host = env.get("POD_IP") or env.get("HOST") or "0.0.0.0"
        self.port = int(_number(env, "PORT", 8000))
        self.role = env.get("ROLE") or "both"
        if self.role not in ("signer", "verifier", "both"):
            raise ValueError("ROLE is not signer, verifier or both")
        self.token_ttl_seconds = _number(env, "TOKEN_TTL_SECONDS", 3600)
        self.prestop_seconds = _number(env, "PRESTOP_SECONDS", 0.5)
        self.leeway_seconds = _number(env, "JWT_LEEWAY_SECONDS", 60)
        self.issuer = env.get("JWT_ISSUER") or None
        self.audience = env.get("JWT_AUDIENCE") or None


def _number(env, name, fallback):
    text = env.get(name)
    try:
        value = float(text) if text else fallback
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is not a number of zero or more")
    return value


class Server(ThreadingHTTPServer):
    """Counts the requests that are being answered, so that a stop can wait for them and not for idle connections."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, settings, env):
        self.settings = settings
        self.tokens = library.make_tokens(env, settings, self.log)
        self.stopping = False
        self._busy = 0
        self._idle = threading.Condition()
        super().__init__((settings.host, settings.port), Handler)

    def server_bind(self):
        # HTTPServer looks its own name up in DNS here, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def __enter__(self):
        with self._idle:
            self._busy += 1
        return self

    def __exit__(self, *_):
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def stop(self, *_):
        """Fails the health check, serves on while endpoints are withdrawn, then lets serve_forever return."""
        if not self.stopping:
            self.stopping = True
            self.log("stopping")
            threading.Timer(self.settings.prestop_seconds, self.shutdown).start()

    def wait_until_idle(self):
        with self._idle:
            self._idle.wait_for(lambda: self._busy == 0)

    def log(self, event, **details):
        print(json.dumps({"service": self.settings.service, "event": event, **details}), flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    disable_nagle_algorithm = True

    def do_GET(self):
        with self.server:
            path = urlsplit(self.path).path
            if path == "/healthz":
                stopping = self.server.stopping
                self.answer(503 if stopping else 200, {"status": "stopping" if stopping else "ok"})
            elif path == "/auth/verify" and self.server.settings.role != "signer":
                self.verify()
            else:
                self.answer(404, {"error": "not_found"})

    def do_POST(self):
        with self.server:
            # Unread bytes would be taken for the next request of a keep-alive connection.
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            if url.path == "/auth/token" and self.server.settings.role != "verifier":
                self.issue(parse_qs(url.query))
            else:
                self.answer(404, {"error": "not_found"})

    def issue(self, query):
        """Signs a token for anybody who asks: a real service authenticates the caller first."""
        settings = self.server.settings
        try:
            wanted = float(query.get("ttl", [settings.token_ttl_seconds])[0])
        except ValueError:
            wanted = math.nan
        if not math.isfinite(wanted) or wanted < 1:
            return self.answer(400, {"error": "bad_ttl"})
        # Never above the limit: the time that a retired key stays accepted is counted from it.
        ttl = int(min(wanted, settings.token_ttl_seconds))
        claims = {"sub": query.get("sub", [f"{settings.service}-user"])[0], "jti": str(uuid.uuid4())}
        self.answer(200, {"token": self.server.tokens.sign(claims, ttl)})

    def verify(self):
        bearer = re.fullmatch(r"Bearer ([^ ]+)", self.headers.get("Authorization") or "", re.IGNORECASE)
        if not bearer:
            return self.answer(401, {"error": "missing_token"})
        try:
            claims = self.server.tokens.verify(bearer[1])
        except library.Refused as refused:
            return self.answer(401, {"error": refused.code})
        self.answer(200, {name: claims.get(name) for name in ("sub", "jti", "iat", "exp")})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if self.server.stopping:
            # A stopping service asks keep-alive clients to go elsewhere, or they would meet a closed connection.
            self.send_header("Connection", "close")
        # Head and body in one packet.
        self._headers_buffer.append(b"\r\n" + text)
        self.flush_headers()

    def log_message(self, *_):
        pass  # one line for each request would drown the rest


def main(env):
    try:
        settings = Settings(env)
        server = Server(settings, env)
    except (library.KeysetError, ValueError, OSError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, server.stop)
    host, port = server.server_address[:2]
    server.log("listening", url=f"http://{host}:{port}", tokens=library.NAME)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.wait_until_idle()
    sys.stdout.flush()
    # Idle keep-alive connections still have a thread each; there is nothing left for them to do.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(os.environ))

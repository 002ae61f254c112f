"""The keyring library for Python behind JSON lines: process.ts says what they are. Arguments: pyjwt or jose."""

import asyncio
import importlib
import json
import sys
import time

import rekey_keyring as keyring

make_tokens = {
    "pyjwt": lambda: importlib.import_module("rekey_keyring.pyjwt").pyjwt_tokens,
    "jose": lambda: importlib.import_module("rekey_keyring.jose").jose_tokens,
}[sys.argv[1]]()
rings = {}


def open_ring(request):
    reports = []

    def on_reload(ring, error):
        source()  # a report may ask for the keys
        reports.append("reloaded" if error is None else str(error))

    weak, algorithm = request.get("weak", False), request.get("algorithm")
    try:
        if request["op"] == "mount":
            source = keyring.mounted_keyring(request["dir"], weak, on_reload, algorithm)
        else:
            source = keyring.env_keyring(weak, request["env"], algorithm)
    except keyring.KeyringError as error:
        return {"variable": error.variable, "error": str(error)}
    rings[request["name"]] = (source, reports)
    return {"ok": True}


def handle(request):
    if request["op"] in ("load", "mount"):
        return open_ring(request)
    source, reports = rings[request["name"]]
    if request["op"] == "info":
        ring = source()
        return {
            "info": keyring.key_info(ring),
            "metric": keyring.key_info_metric(ring),
            "reports": reports,
            "printed": f"{ring!r} {ring.keys} {vars(type(ring.keys[0]))}",
        }
    names = {"issuer": "issuer", "audience": "audience", "leewaySeconds": "leeway_seconds"}
    try:
        tokens = make_tokens(source, **{names[name]: value for name, value in request.get("rules", {}).items()})
        if request["op"] == "sign":
            return {"token": tokens.sign(request["claims"], request["ttl"])}
    except ValueError as error:
        return {"error": str(error)}
    if request["op"] == "bare":
        return bare(request["tokens"], request["key"].encode())
    if request["op"] == "bench":
        start = time.perf_counter()
        for token in request["tokens"]:
            tokens.verify(token)
        return {"seconds": time.perf_counter() - start}
    if request["op"] == "http":
        return {"fastapi": ask_fastapi, "django": ask_django}[request["framework"]](tokens, request)
    try:
        return {"claims": tokens.verify(request["token"])}
    except keyring.TokenRefused as refused:
        return {"code": refused.code, "error": str(refused)}


def bare(tokens, key):
    """With the JWT library alone, as its own documentation has it."""
    if sys.argv[1] == "pyjwt":
        jwt, options = importlib.import_module("jwt"), {"leeway": 60, "options": {"require": ["exp"]}}
    else:
        jwt, options = importlib.import_module("jose.jwt"), {"options": {"leeway": 60, "require_exp": True}}
    start = time.perf_counter()
    for token in tokens:
        jwt.decode(token, key, algorithms=["HS256"], **options)
    return {"seconds": time.perf_counter() - start}


def ask_fastapi(tokens, request):
    from fastapi import Depends, FastAPI
    from rekey_keyring.fastapi import token_claims

    app = FastAPI()

    @app.get("/")
    def root(claims=Depends(token_claims(tokens, request.get("cookie")))):
        return claims["sub"]

    headers = [(name.lower().encode(), value.encode()) for name, value in request["headers"].items()]
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    answered = dict(sent[0]["headers"])
    body = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return {"status": sent[0]["status"], "challenge": answered.get(b"www-authenticate", b"").decode(), "body": body}


def ask_django(tokens, request):
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    from django.http import JsonResponse
    from django.test import RequestFactory
    from rekey_keyring.django import require_token

    @require_token(tokens, request.get("cookie"))
    def view(asked):
        return JsonResponse(asked.token_claims["sub"], safe=False)

    meta = {f"HTTP_{name.upper()}": value for name, value in request["headers"].items()}
    response = view(RequestFactory().get("/", **meta))
    challenge = response.headers.get("WWW-Authenticate", "")
    return {"status": response.status_code, "challenge": challenge, "body": response.content.decode()}


for line in sys.stdin:
    print(json.dumps(handle(json.loads(line))), flush=True)

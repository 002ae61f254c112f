"""A Django service with djangorestframework-simplejwt as its documentation has it, asked once about the tokens of standard input.

The argument says how it takes part: `one-key` (SIGNING_KEY alone; the preload, if PYTHONPATH has it) or `keyring`. It prints a token of
its own of each kind, the status of each path for each token that it was asked about, and of which keys it reads what Django itself
has signed with them.
"""

import json
import os
import sys

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY=os.environ["SECRET_KEY"],
    SECRET_KEY_FALLBACKS=os.environ["SECRET_KEY_FALLBACKS"].split(","),
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]},
    SIMPLE_JWT={"SIGNING_KEY": os.environ["JWT_SECRET_KEY"], "ALGORITHM": "HS256", "ISSUER": "shop"},
    ROOT_URLCONF=__name__,
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # quick, and nobody's password
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.signing import BadSignature, TimestampSigner  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.decorators import api_view, permission_classes  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView  # noqa: E402


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def me(request):
    return Response(request.user.username)


urlpatterns = [
    path("me", me),
    path("token", TokenObtainPairView.as_view()),
    path("refresh", TokenRefreshView.as_view()),
    path("verify", TokenVerifyView.as_view()),
]


def statuses(client, token, kind):
    """By each path that takes a token of this kind."""
    asked = {"verify": client.post("/verify", {"token": token}).status_code}
    if kind == "access":
        asked["me"] = client.get("/me", HTTP_AUTHORIZATION="Bearer " + token).status_code
    else:
        asked["refresh"] = client.post("/refresh", {"refresh": token}).status_code
    return asked


def reads_of(key):
    try:
        return TimestampSigner().unsign(TimestampSigner(key=key).sign("anna")) == "anna"
    except BadSignature:
        return False


def main():
    asked = json.load(sys.stdin)
    if sys.argv[1] == "keyring":
        from rekey_keyring import env_keyring
        from rekey_keyring.simplejwt import use_keyring

        use_keyring(env_keyring())
    call_command("migrate", verbosity=0)
    User.objects.create_user("anna", password="anna")
    client = Client(raise_request_exception=False)
    pair = client.post("/token", {"username": "anna", "password": "anna"}).json()
    answers = {
        "own": {kind: {"token": token, "statuses": statuses(client, token, kind)} for kind, token in pair.items()},
        "statuses": [statuses(client, each["token"], each["kind"]) for each in asked["tokens"]],
        "reads": [reads_of(key) for key in asked["keys"]],
    }
    json.dump(answers, sys.stdout)


main()

"""Asks one library all questions of standard input, in one process: which tokens it accepts, and what it signs."""
import json
import os
import sys
import warnings


def pyjwt():
    import jwt

    def sign(claims, key):
        token = jwt.encode(claims, key, algorithm="HS256")
        return token.decode() if isinstance(token, bytes) else token  # bytes before 2.0

    return lambda token, key: jwt.decode(token, key, algorithms=["HS256"], issuer="shop"), sign


def algorithm():
    """PyJWT's HMAC alone: no header is looked at here, but the claims are."""
    import jwt
    from jwt.algorithms import HMACAlgorithm
    from jwt.utils import base64url_decode

    hs256 = HMACAlgorithm(HMACAlgorithm.SHA256)

    def verify(token, key):
        message, signature = token.rsplit(".", 1)
        if not hs256.verify(message.encode(), hs256.prepare_key(key), base64url_decode(signature)):
            raise ValueError("signature")
        header = jwt.utils.base64url_encode(b'{"alg":"HS256"}').decode()
        options = {"verify_signature": False, "verify_exp": True, "verify_nbf": True, "verify_iss": True}
        jwt.decode("%s.%s.%s" % (header, message.split(".")[1], signature), options=options, issuer="shop")

    return verify, lambda claims, key: jwt.encode(claims, key, algorithm="HS256")


def python_jose():
    from jose import jwt

    return (
        lambda token, key: jwt.decode(token, key, algorithms=["HS256"], issuer="shop"),
        lambda claims, key: jwt.encode(claims, key, algorithm="HS256"),
    )


def authlib():
    with warnings.catch_warnings(record=True):  # later ones say that joserfc is their successor
        from authlib.jose import JsonWebToken

    jwt = JsonWebToken(["HS256"])

    def verify(token, key):
        jwt.decode(token, key, claims_options={"iss": {"essential": True, "value": "shop"}}).validate()

    return verify, lambda claims, key: jwt.encode({"alg": "HS256"}, claims, key).decode()


def joserfc():
    from joserfc import jwt
    from joserfc.jwk import OctKey

    rules = jwt.JWTClaimsRegistry(iss={"essential": True, "value": "shop"})

    def verify(token, key):
        rules.validate(jwt.decode(token, OctKey.import_key(key), algorithms=["HS256"]).claims)

    return verify, lambda claims, key: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key))


LIBRARIES = {
    **{"pyjwt": pyjwt, "algorithm": algorithm, "python-jose": python_jose},
    **{"authlib": authlib, "joserfc": joserfc},
}


def main():
    verify, sign = LIBRARIES[sys.argv[1]]()
    asked = json.load(sys.stdin)

    def answer(question, form):
        try:
            verify(question["token"], form(os.environ[question["variable"]]))
            return "accepted"
        except Exception:  # some of a library's own: it has not accepted the token
            return "refused"

    forms = {"text": str, "bytes": str.encode}
    answers = {name: [answer(each, form) for each in asked["questions"]] for name, form in forms.items()}
    json.dump({"answers": answers, "signed": sign(asked["claims"], os.environ["JWT_SECRET_KEY"])}, sys.stdout)


main()

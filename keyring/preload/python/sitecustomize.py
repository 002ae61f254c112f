"""rekey's preload for Python 3.7 and newer: put the folder of this file first in PYTHONPATH. A service that verifies JWTs with
JWT_SECRET_KEY alone then accepts those signed with a key of JWT_SECRET_KEY_FALLBACKS, too. See docs/services/preload.md.

The safety rule. A fallback is tried only if
  1. the library's own check said no,
  2. the key bytes equal JWT_SECRET_KEY, and no other variable's,
  3. the message is header.payload whose header names exactly the HS variant being computed, without crit,
  4. the signature equals that HMAC under a fallback.
Claims, expiry and allowed algorithms stay with the library. Signing is never touched.
"""

import os
import sys

MOST_FALLBACKS = 32


def say(text):
    try:
        sys.stderr.write("rekey preload: %s\n" % text)
    except Exception:
        pass  # a process without standard error


def read_keys(environ):
    """Returns the key in use and the fallbacks as bytes; None where there is nothing to do."""
    encode = os.fsencode
    current = encode(environ.get("JWT_SECRET_KEY", ""))
    listed = encode(environ.get("JWT_SECRET_KEY_FALLBACKS", ""))
    if not listed:
        return None
    wrong = wrong_in(current, listed)
    if wrong:
        say("%s; no fallback is accepted" % wrong)
        return None
    fallbacks = [entry for entry in listed.split(b",") if entry != current]
    return (current, fallbacks) if fallbacks else None


def wrong_in(current, listed):
    """Returns what keeps the fallbacks from being used, without any of their text; None if nothing does."""
    if not current:
        return "JWT_SECRET_KEY_FALLBACKS is set, but JWT_SECRET_KEY is not"
    entries = listed.split(b",")
    if len(entries) > MOST_FALLBACKS:
        return "JWT_SECRET_KEY_FALLBACKS has more than %d entries" % MOST_FALLBACKS
    if listed[:1] in (b'"', b"'", b"[", b"{"):
        return "JWT_SECRET_KEY_FALLBACKS is JSON or in quotes, not keys with a comma between them"
    if b"" in entries:
        return "JWT_SECRET_KEY_FALLBACKS has an empty entry"
    text = listed.decode("utf-8", "replace")
    if any(c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        return "JWT_SECRET_KEY_FALLBACKS has white space or a control character in it"
    return None


def install(current, fallbacks):
    import base64
    import functools
    import hmac
    import json
    import re

    shape = re.compile(rb"([A-Za-z0-9_-]{1,4096})\.[A-Za-z0-9_-]+")
    hashes = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

    def names_exactly(message, variant):
        """Rule 3."""
        found = shape.fullmatch(message)
        if found is None:
            return False
        encoded = found.group(1)
        header = json.loads(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
        return isinstance(header, dict) and header.get("alg") == variant and "crit" not in header

    def is_fallback(variant, key, message, signature):
        """Rules 2, 3 and 4, for what a library has refused."""
        try:
            key = key.encode() if isinstance(key, str) else bytes(key)
            message, signature = bytes(message), bytes(signature)
            if variant not in hashes or not hmac.compare_digest(key, current) or not names_exactly(message, variant):
                return False
            answers = [
                hmac.compare_digest(hmac.new(each, message, hashes[variant]).digest(), signature) for each in fallbacks
            ]
            return any(answers)
        except Exception:
            return False

    def second_look(cls, asked):
        """asked: from self and the arguments of verify to variant, key, message and signature."""
        verify = vars(cls)["verify"]

        @functools.wraps(verify)
        def rekey_verify(self, *args, **kwargs):
            answer = verify(self, *args, **kwargs)
            if answer is not False:
                return answer
            try:
                return is_fallback(*asked(self, *args, **kwargs))
            except Exception:
                return answer

        cls.verify = rekey_verify

    def pyjwt(module):
        def asked(self, msg, key, sig):
            return "HS" + self.hash_alg().name[3:], key, msg, sig

        second_look(module.HMACAlgorithm, asked)

    def python_jose(name):
        def asked(self, msg, sig):
            return self._algorithm, self.prepared_key, msg, sig

        return lambda module: second_look(getattr(module, name), asked)

    def authlib(name):  # and its successor joserfc
        def asked(self, msg, sig, key):
            return self.name, key.get_op_key("verify"), msg, sig

        return lambda module: second_look(getattr(module, name), asked)

    watch_imports(
        {
            "jwt.algorithms": pyjwt,
            "jose.backends.native": python_jose("HMACKey"),
            "jose.backends.cryptography_backend": python_jose("CryptographyHMACKey"),
            "authlib.jose.rfc7518.jws_algorithms": authlib("HMACAlgorithm"),  # before 1.0
            "authlib.jose.rfc7518.jws_algs": authlib("HMACAlgorithm"),
            "joserfc.rfc7518.jws_algs": authlib("HMACAlgModel"),  # 1.1
            "joserfc._rfc7518.jws_algs": authlib("HMACAlgorithm"),
        }
    )


def watch_imports(hooks):
    """Calls each hook with its module once that has run."""
    from importlib.abc import MetaPathFinder

    def hook(name, module):
        try:
            hooks[name](module)
        except Exception as error:
            say("%s is not as expected (%s); its fallbacks are refused" % (name, type(error).__name__))

    def hooked(name, loader):
        run = loader.exec_module

        def exec_module(module):
            run(module)
            # the loader of a zip file is that of all its modules
            if module.__name__ == name:
                hook(name, module)

        loader.exec_module = exec_module

    looking = set()  # other finders ask all finders, too

    class Finder(MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name not in hooks or name in looking:
                return None
            looking.add(name)
            try:
                return self.watched(name, path, target)
            finally:
                looking.discard(name)

        def watched(self, name, path, target):
            for finder in [each for each in sys.meta_path if each is not self]:
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find else None
                if spec is not None:
                    try:
                        hooked(name, spec.loader)
                    except Exception as error:
                        say("%s cannot be watched (%s); its fallbacks are refused" % (name, type(error).__name__))
                    return spec
            return None

    sys.meta_path.insert(0, Finder())
    for name in [each for each in hooks if each in sys.modules]:
        hook(name, sys.modules[name])


def drop_working_directory():
    """Where PYTHONPATH is this folder and a colon, as the Kustomize component writes it, Python adds the working directory."""
    here, cwd = os.path.dirname(__file__), os.getcwd()
    if os.environ.get("PYTHONPATH") != here + os.pathsep or cwd not in sys.path:
        return
    sys.path.remove(cwd)
    # Python drops what is there twice: what a .pth file names, such as that of pip install -e, has its place at the end
    if named_by_a_pth_file(cwd):
        sys.path.append(cwd)


def named_by_a_pth_file(folder):
    for base in sys.path:
        for name in os.listdir(base) if os.path.isdir(base) else []:
            if not name.endswith(".pth"):
                continue
            with open(os.path.join(base, name), encoding="utf-8", errors="replace") as file:
                paths = [os.path.join(base, line.strip()) for line in file if line.strip()]
            if any(os.path.abspath(path) == folder for path in paths):
                return True
    return False


def run_next():
    """Python runs the first sitecustomize of its path alone: this one runs the next."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.realpath(os.path.dirname(__file__))
    others = [path for path in sys.path if os.path.realpath(path or os.curdir) != here]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        # who imports it gets it, as without this one
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def start():
    try:
        drop_working_directory()
    except Exception:
        pass  # there is none
    try:
        keys = read_keys(os.environ)
        if keys is not None:
            install(*keys)
    except Exception as error:
        say("%s: it could not start; no fallback is accepted" % type(error).__name__)
    try:
        run_next()
    except Exception as error:
        # as Python itself does: a broken sitecustomize stops no program
        say("another sitecustomize failed: %s" % type(error).__name__)


start()

"""Keys that somebody can guess. The same rules as in rekey, but for its dictionary; the same in Node and Go."""

import hashlib
import math
import re
from collections import Counter

MIN_KEY_BYTES = 32  # RFC 7518 section 3.2: an HS256 key has at least 256 bits
# Far below that of 32 hexadecimal characters at random, far above that of a word that is repeated.
_MIN_ESTIMATED_BITS = 80
_MAX_JUDGED_BYTES = 256
_MAX_READ = 1024

# The whole text stands for something else, in the syntax of a shell, a template, a vault plug-in.
_PLACEHOLDERS = re.compile(
    r"\A<[^<>]+>\Z"
    r"|\A\$\([^()]+\)\Z"
    r"|\A\$[A-Za-z_][A-Za-z0-9_]*\Z"
    r"|\A%[A-Za-z_][A-Za-z0-9_]*%\Z"
    r"|\A__[A-Za-z0-9_]+__\Z"
    r"|\$\{[A-Za-z_][A-Za-z0-9_.:-]{2,}\}"
    r"|\{\{.*\}\}"
    r"|\AENC\["
    r"|\A(vault:|op://|ref\+|arn:aws:|file://|projects/)"
)
# Without what stands between the words, in lower case. Long enough not to occur by chance.
_PHRASES = re.compile(
    "changeme|changethis|changeit|changein|replaceme|replacethis|replacewith|pleasechange|mustbechanged"
    "|your(own)?(super|jwt|secret|key|very|256|512)|supersecret|mysecret|topsecret|verysecret|secretkey|jwtsecret"
    "|secretjwt|donotuse|placeholder|examplekey|examplesecret|defaultkey|defaultsecret|dummysecret|testsecret"
    "|sampleke|insertyour|putyour|enteryour|keyboardcat"
)
_RANDOM_HEX = re.compile("[0-9a-fA-F]{24}")
_LONG_RUN = re.compile("[A-Za-z0-9+/]{28,}")

# SHA-256 of keys in documentation and tutorials: FastAPI, Spring Boot, Flask, jwt.io, PostgREST.
_PUBLIC_KEYS = frozenset(
    (
        "570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89",
        "3354cfcf65c7b2e6840ea6f880aede239750cb1d063950c4e8fd9fbf9ec73a32",
        "5df73e1aa59d8f332c2f5fd6ea1c37d0f2266b623ea3c4efe6cb3d577fd6a5e1",
        "594c081d23de22b178ba34a9c8551fe23d3a7034d92717a5cb4a054337a4c714",
        "2598f7d6adc142d88161630f3db12ab2bd3403521c281811e5e1ce60d4ac5d76",
        "465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b",
        "730d21a80e61a8de82d12cb4c0b8057cff5a30e2dec50ce7a773513374f9164a",
        "db6833593279d7373592ef70e51f3daf048c04475739f8ed024b0821fd9e7fde",
        "f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6",
        "dfd7dc439654f313f3bb7734b467e71d701b6982cd4cb31cf7d555e723c223e9",
        "5eef83fe7cb71e2da053f846a07ecf933f49b66ef755ef8627be5e2fe94d7e84",
        "fd4dec75abc2df7e4f8776e246ce733d29690230695c4ce8ea7a207eb3a939ab",
    )
)


def is_public(text: str) -> bool:
    """Whether the text stands in documentation, or for a key that somebody has yet to put there."""
    if hashlib.sha256(text.encode()).hexdigest() in _PUBLIC_KEYS:
        return True
    read = text[:_MAX_READ]
    if _PLACEHOLDERS.search(read):
        return True
    return not _has_random_part(read) and _PHRASES.search(re.sub("[^a-z0-9]", "", read.lower())) is not None


def is_guessable(key: bytes) -> bool:
    """Whether the key is short, of few characters, or one short text again and again; an estimate."""
    if len(key) < MIN_KEY_BYTES:
        return True
    judged = key[:_MAX_JUDGED_BYTES]
    period = _period(judged)
    return _bits_of_byte(judged[:period]) * period < _MIN_ESTIMATED_BITS


def _has_random_part(text: str) -> bool:
    """Drawn at random, whatever stands before it."""
    if _RANDOM_HEX.search(text):
        return True
    return any(sum(c.isdigit() for c in run) >= 3 for run in _LONG_RUN.findall(text))


def _period(data: bytes) -> int:
    """How many bytes there are before they come again; all of them if they do not."""
    size = len(data)
    return next((period for period in range(1, size // 2 + 1) if data[period:] == data[: size - period]), size)


def _bits_of_byte(data: bytes) -> float:
    """Shannon's entropy of one byte, in bits, by how often each occurs."""
    shares = [count / len(data) for count in Counter(data).values()]
    return -sum(share * math.log2(share) for share in shares)

"""What can be shown of the keys that are loaded: never a byte of one."""

from typing import Dict, List

from ._keyring import Keyring


def key_info(keyring: Keyring) -> List[Dict[str, str]]:
    """Role, kid, fingerprint and algorithm of each key, the one that signs first.

    ``kid`` is empty where it is not known: rekey writes the id of the signing key only.
    """
    return [
        {
            "role": "fallback" if i else "current",
            "kid": key.kid or "",
            "fingerprint": key.fingerprint,
            "algorithm": keyring.algorithm,
        }
        for i, key in enumerate(keyring.keys)
    ]


def key_info_metric(keyring: Keyring) -> str:
    """The metric ``jwt_key_info`` in the Prometheus text format: 1 for each key that is loaded."""
    lines = ["# HELP jwt_key_info JWT keys that this process has loaded.", "# TYPE jwt_key_info gauge"]
    for info in key_info(keyring):
        labels = ",".join(f'{name}="{value}"' for name, value in info.items())
        lines.append(f"jwt_key_info{{{labels}}} 1")
    return "\n".join(lines) + "\n"

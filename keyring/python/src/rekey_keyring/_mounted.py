"""Follows the files of a mounted Secret."""

import os
import threading
import time
from typing import Callable, Mapping, Optional, Tuple

from ._keyring import Keyring, KeyringError
from ._read import VARIABLES, KeyringSource, read_keyring

_RETRY_SECONDS = 1.0  # files that cannot be used are read again after this time, or once they change
_MAX_READS = 10  # so often a set of files is read that changes meanwhile

#: Called after each reload with the keyring, and once for each new reason why one failed with the error.
OnReload = Callable[[Optional[Keyring], Optional[Exception]], None]


def mounted_keyring(
    directory: str,
    allow_weak_keys: bool = False,
    on_reload: Optional[OnReload] = None,
    algorithm: Optional[str] = None,
) -> KeyringSource:
    """Follows the files in ``directory``, where the Secret is mounted.

    Each call looks whether the kubelet has swapped the link ``..data``: that costs some microseconds, is never late, and
    needs no watcher. In a folder without the link it looks at each file instead. A mount with ``subPath`` never changes.
    Files that cannot be used leave the keys of before in force: to refuse every token would be worse.

    The other arguments are those of ``read_keyring``. Raises KeyringError where the first read finds a key that cannot
    be used.
    """
    return _Mounted(directory, lambda texts: read_keyring(texts, allow_weak_keys, algorithm), on_reload).current


class _Mounted:
    def __init__(
        self, directory: str, read: Callable[[Mapping[str, str]], Keyring], on_reload: Optional[OnReload]
    ) -> None:
        self._directory, self._read, self._on_reload = directory, read, on_reload
        self._lock = threading.Lock()
        self._version, self._keyring = self._load()
        self._failed_version, self._failed_at, self._failure = "", 0.0, ""

    def current(self) -> Keyring:
        found = self._version_now()
        if found == self._version:
            return self._keyring
        with self._lock:
            news = self._reload(found)
        # without the lock: the report may ask for the keys
        if news and self._on_reload:
            self._on_reload(*news)
        return self._keyring

    def _reload(self, found: str) -> Optional[Tuple[Optional[Keyring], Optional[Exception]]]:
        """Returns what is to be reported."""
        if found == self._version:
            return None  # another thread was first
        if found == self._failed_version and time.monotonic() - self._failed_at < _RETRY_SECONDS:
            return None
        try:
            version, self._keyring = self._load()
        except KeyringError as error:
            is_new = str(error) != self._failure
            self._failed_version, self._failed_at, self._failure = found, time.monotonic(), str(error)
            return (None, error) if is_new else None
        self._version, self._failed_version, self._failure = version, "", ""
        return self._keyring, None

    def _load(self):
        """All files through one resolved link, so that two versions are never mixed; once more if they changed."""
        for _ in range(_MAX_READS):
            version = self._version_now()
            source = self._link() or self._directory
            variables, failure = {}, None
            for name in VARIABLES:
                try:
                    variables[name] = _text(source, name)
                except KeyringError as error:
                    failure = failure or error
            # the kubelet removes a version once it has swapped the link: what is missing then says nothing
            if version == self._version_now():
                if failure:
                    raise failure
                return version, self._read(variables)
        raise KeyringError(VARIABLES[0], f"in {self._directory} changes while it is read")

    def _link(self) -> Optional[str]:
        try:
            return os.path.join(self._directory, os.readlink(os.path.join(self._directory, "..data")))
        except OSError:
            return None

    def _version_now(self) -> str:
        """Equal while nothing has changed."""
        return self._link() or " ".join(_stamp(os.path.join(self._directory, name)) for name in VARIABLES)


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError as error:
        return str(error.errno)
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _text(directory: str, name: str) -> str:
    """Empty where there is no such file: only some have all."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise KeyringError(name, "of the mounted folder cannot be read: it is not UTF-8") from None
    except OSError as error:
        raise KeyringError(name, f"of the mounted folder cannot be read: {error.strerror}") from None

"""Who may use the page: a file of names and passwords."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from retriever.errors import BadInputError, StorageError

_FORM = "Write one user:password a line"
_NOBODY = bytes(32)  # the sha256 of nothing that is known


class Users:
    """Names and passwords; only sha256 of the passwords are kept in memory.

    Args:
        passwords: By name.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._known = {name: _digest(password) for name, password in passwords.items()}

    @classmethod
    def of(cls, file: Path) -> Users:
        """The users of a file: lines ``user:password``; empty ones and those that begin with # do not count.

        Raises:
            BadInputError: It holds no user, a line is none, or everybody on this machine may read it.
            StorageError: It cannot be read.
        """
        try:
            text, mode = file.read_text(encoding="utf-8"), file.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"the users in {file} cannot be read ({error})", "Check --auth") from error
        if os.name == "posix" and mode & stat.S_IROTH:
            raise BadInputError(f"everybody on this machine may read {file}", f"Run: chmod 600 {file}")
        passwords: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, password = (part.strip() for part in line.partition(":"))
            if not name or not password or name in passwords:
                raise BadInputError(f"{file}, line {number} is no user, or the same one again", _FORM)
            passwords[name] = password
        if not passwords:
            raise BadInputError(f"{file} names no user", _FORM)
        return cls(passwords)

    def knows(self, name: str, password: str) -> bool:
        """Whether that is a user's password; takes as long for a name that there is not."""
        return hmac.compare_digest(_digest(password), self._known.get(name, _NOBODY))

    def admits(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header of HTTP Basic names a user."""
        scheme, _, coded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme.lower() == "basic" and self.knows(name, password)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()

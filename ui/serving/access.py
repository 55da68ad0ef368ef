"""Who may come in, and by which way."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from retriever.errors import BadInputError
from ui.serving.users import Users
from ui.settings import Settings


@dataclass(frozen=True)
class Access:
    """Who may come in, and by which way.

    Attributes:
        users: Who is let in; None lets everybody in who reaches the page.
        anyone: Whether everybody may reach it from other machines.
        root_path: What a proxy takes off the beginning of every path, such as ``/rader``.
    """

    users: Users | None = None
    anyone: bool = False
    root_path: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """As the settings say.

        Raises:
            BadInputError, StorageError: The file of users cannot be used.
        """
        users = Users.of(settings.auth) if settings.auth else None
        return cls(users, settings.without_auth, settings.root_path)

    def check(self, host: str) -> None:
        """Refuse to listen where other machines reach what nobody guards.

        Raises:
            BadInputError: Neither users nor ``anyone`` were given for an address that others reach.
        """
        if self.users is None and not self.anyone and not _loopback(host):
            raise BadInputError(
                f"other machines can reach {host}, and nobody is asked for a password",
                "Add --auth FILE with user:password lines, or --without-auth if anyone may use this machine",
            )


def _loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost may be anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

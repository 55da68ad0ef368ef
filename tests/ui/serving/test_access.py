"""Listening where others reach what nobody guards is refused."""

from __future__ import annotations

import pytest

from retriever.errors import BadInputError
from ui.serving.access import Access
from ui.serving.users import Users

ANN = Users({"ann": "one"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_password(host: str) -> None:
    Access().check(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])  # noqa: S104
def test_an_open_address_needs_users_or_the_word_that_it_may_be_open(host: str) -> None:
    with pytest.raises(BadInputError) as caught:
        Access(root_path="/rader").check(host)
    assert "--auth FILE" in str(caught.value)
    assert "--without-auth" in str(caught.value)
    Access(ANN).check(host)
    Access(anyone=True).check(host)

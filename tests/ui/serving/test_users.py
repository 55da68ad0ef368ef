"""The file of users."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from retriever.errors import BadInputError, RaderError, StorageError
from ui.serving.users import Users


def users_of(folder: Path, text: str, mode: int = 0o600) -> Users:
    file = folder / "users"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return Users.of(file)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_only_the_right_password_is_known(tmp_path: Path) -> None:
    users = users_of(tmp_path, "# who may come in\nann:one:two\n\nbéa: drei \n")
    assert users.knows("ann", "one:two")
    assert users.knows("béa", "drei")
    assert users.admits(basic("ann:one:two"))
    for name, password in [
        ("ann", "one"),
        ("ann", ""),
        ("eve", "one:two"),
        ("", ""),
        ("# who may come in", ""),
    ]:
        assert not users.knows(name, password)
        assert not users.admits(basic(f"{name}:{password}"))


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!", "Bearer YW5uOm9uZQ==", "Basic /w==", "Basic YW5u"]
)
def test_other_headers_name_nobody(tmp_path: Path, header: str) -> None:
    assert not users_of(tmp_path, "ann:one").admits(header)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no user"),
        ("# nobody\n", "names no user"),
        ("ann:secret\nann:secret", "line 2"),
        ("ann", "line 1"),
        ("ann:", "line 1"),
        (":secret", "line 1"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says) as caught:
        users_of(tmp_path, text)
    assert "secret" not in str(caught.value)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="chmod 600"):
        users_of(tmp_path, "ann:one", 0o644)
    assert users_of(tmp_path, "ann:one", 0o640).knows("ann", "one")  # a group is somebody's choice


def test_a_missing_or_unreadable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="--auth"):
        Users.of(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"ann:\xff")
    with pytest.raises(RaderError):
        Users.of(tmp_path / "bytes")

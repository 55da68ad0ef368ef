"""Settings: defaults < TOML < environment < flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from retriever.errors import BadInputError
from ui.settings import load_settings


def test_each_layer_wins_over_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rader.toml").write_text(
        'port = 1\nmodel = "toml"\nslots = 3\n[agent]\ndepth = 2\nhits = 7\n'
    )
    monkeypatch.setenv("RADER_HOME", str(tmp_path))
    monkeypatch.setenv("RADER_PORT", "2")
    monkeypatch.setenv("RADER_MODEL", "env")
    monkeypatch.setenv("RADER_AGENT__DEPTH", "9")
    settings = load_settings(port=3, host=None)
    assert (settings.port, settings.model, settings.slots) == (3, "env", 3)
    assert (settings.agent.depth, settings.agent.hits) == (9, 7)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("toml", "says"), [("port = 'x'", "port"), ("colour = 1", "colour"), ("port = ", "cannot be read")]
)
def test_a_bad_file_is_one_line(tmp_path: Path, toml: str, says: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(toml)
    with pytest.raises(BadInputError, match=says) as caught:
        load_settings(file)
    assert "\n" not in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")

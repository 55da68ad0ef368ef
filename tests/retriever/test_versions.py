"""The index folder without what is in it: manifests, the pointer, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriever.errors import StorageError
from retriever.indexing.index_info import IndexInfo, Serving
from retriever.indexing.versions import Versions


def info(name: str, encoder: str = "base") -> IndexInfo:
    return IndexInfo(
        fingerprint=name,
        encoder=encoder,
        encoder_fingerprint=f"{encoder} mark",
        corpus_sha256="c",
        dim=4,
        count=2,
    )


def built(versions: Versions, name: str, encoder: str = "base") -> IndexInfo:
    versions.begin(info(name, encoder))
    versions.finish(info(name, encoder))
    return info(name, encoder)


@pytest.fixture
def versions(home: Path) -> Versions:
    return Versions(home)


def test_nothing_there(versions: Versions) -> None:
    assert (versions.names(), versions.serving(), versions.current()) == ([], {}, None)
    assert not versions.unfinished()


def test_half_written_until_finished(versions: Versions) -> None:
    versions.begin(info("a"))
    assert versions.complete("a") is None
    assert versions.planned("a") == info("a")
    assert versions.unfinished()
    versions.finish(info("a"))
    assert versions.complete("a") == info("a")
    assert not versions.unfinished()


def test_each_encoder_keeps_its_current_and_previous(versions: Versions) -> None:
    for name, encoder in (("a", "base"), ("b", "base"), ("x", "trained"), ("c", "base"), ("y", "trained")):
        versions.switch(built(versions, name, encoder))
    assert versions.serving() == {"base mark": Serving("c", "b"), "trained mark": Serving("y", "x")}
    assert versions.names() == ["b", "c", "x", "y"]
    assert versions.current("base mark") == info("c")
    assert versions.current() == info("y", "trained")
    assert versions.current("none") is None
    versions.switch(info("c"))
    assert versions.serving()["base mark"] == Serving("c", "b")
    assert versions.current() == info("c")


def test_builds_of_other_encoders_can_go_on(versions: Versions) -> None:
    versions.begin(info("half", "trained"))
    versions.begin(info("abandoned", "base"))
    versions.folder("unknown").mkdir()
    versions.switch(built(versions, "a"))
    assert versions.names() == ["a", "half"]


def test_a_pointer_of_the_old_format_is_read_on(versions: Versions) -> None:
    built(versions, "a")
    built(versions, "b")
    built(versions, "x", "trained")
    point(versions, {"current": "b", "previous": "a"})
    assert versions.serving() == {"base mark": Serving("b", "a")}
    assert versions.current() == versions.current("base mark") == info("b")
    point(versions, {"current": "x", "previous": "a"})
    assert versions.serving() == {"base mark": Serving("a", None), "trained mark": Serving("x", None)}
    assert versions.current() == info("x", "trained")
    point(versions, {"current": "x", "previous": None})
    versions.switch(built(versions, "c"))
    assert versions.serving() == {"trained mark": Serving("x", None), "base mark": Serving("c", None)}


@pytest.mark.parametrize(
    "text", ["", "[1]", "null", '{"encoders": 1}', '{"encoders": {"e": {"now": "a"}}}', '{"x": 1}', "\x00"]
)
def test_a_pointer_that_cannot_be_read_is_made_of_the_versions(versions: Versions, text: str) -> None:
    built(versions, "b")
    info = built(versions, "a")  # the later one, whatever its name
    (versions.root / "current.json").write_text(text)
    assert versions.serving() == {"base mark": Serving("a", "b")}
    assert versions.current("base mark") == info


def test_a_version_without_manifest_does_not_serve(versions: Versions) -> None:
    versions.switch(built(versions, "a"))
    (versions.folder("a") / "manifest.json").write_text('{"fingerprint": 1}')
    assert versions.current("base mark") is None
    assert versions.unfinished()


def test_what_served_before_a_version(versions: Versions) -> None:
    assert versions.before(info("new")) is None
    versions.switch(built(versions, "a"))
    versions.switch(built(versions, "b"))
    assert versions.before(info("new")) == info("b")
    assert versions.before(info("b")) == info("a")
    assert versions.before(info("new", "trained")) is None


def test_one_build_at_a_time(versions: Versions) -> None:
    again = versions.building(wait=False)
    with versions.building(), pytest.raises(StorageError, match="another build"), again:
        pass
    with versions.building(wait=False):
        pass


def point(versions: Versions, content: object) -> None:
    (versions.root / "current.json").write_text(json.dumps(content))

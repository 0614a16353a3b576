"""Small files that are read whole, and what else may have their name."""

import os
from pathlib import Path

import pytest

from shared_schema.small_files import UnfitFile, content_of
from tests.support.platforms import PIPES, make_link, posix


def test_a_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    """Up to the limit."""
    (tmp_path / "it").write_bytes(b"12345")
    make_link(tmp_path / "link", tmp_path / "it")
    for name in ("it", "link"):
        assert content_of(tmp_path / name, max_bytes=5) == b"12345"
        with pytest.raises(UnfitFile, match="larger than 4 bytes: shorten"):
            content_of(tmp_path / name, max_bytes=4)


@PIPES
@pytest.mark.timeout(30)
def test_what_has_no_end_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer, a device behind a link, and a folder, which other systems open."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name, kind in (("pipe", "pipe"), ("device", "device"), ("folder", "a folder")):
        with pytest.raises(UnfitFile, match=f"{kind}.*: put a file in its place"):
            content_of(tmp_path / name, max_bytes=5)


@posix("links without a privilege")
def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    """Somebody meant a file; only what has no name at all is missing."""
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("dangling", "loop"):
        with pytest.raises(UnfitFile, match="leads nowhere: correct"):
            content_of(tmp_path / name, max_bytes=5)
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "none", max_bytes=5)

"""Directories of caches belong to this user alone; others can put nothing into them nor in their place."""

import os
from pathlib import Path

import pytest
from ids import cases

from rnnfast.caching import HAS_OWNERS, make_private, read_own, remove

pytestmark = pytest.mark.skipif(not HAS_OWNERS, reason="the system has no owners")
SOMEBODY = 12345  # a user


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that exists, with one above it of this user alone."""
    path = tmp_path / "above" / "kernels"
    path.mkdir(parents=True)
    for directory in (tmp_path, path.parent, path):
        directory.chmod(0o755)
    return path


def test_it_is_made_for_this_user_with_what_is_missing_above(place: Path) -> None:
    path = place / "a" / "b"
    before = os.umask(0)
    try:
        make_private(path)
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o777 for each in (path, path.parent)] == [0o700, 0o700]


def test_one_that_others_could_only_read_becomes_private(place: Path) -> None:
    make_private(place)
    assert place.stat().st_mode & 0o777 == 0o700


def test_above_it_may_be_a_directory_like_tmp(place: Path) -> None:
    place.parent.chmod(0o1777)
    make_private(place)


def linked(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def taken(place: Path) -> None:
    place.rmdir()
    place.touch()


@pytest.mark.parametrize(
    ("change", "reason"),
    cases(
        {
            "group may write": (lambda place: place.chmod(0o770), "others can write to it"),
            "everybody may write": (lambda place: place.chmod(0o777), "others can write to it"),
            "group may write above": (lambda place: place.parent.chmod(0o775), "above; chmod go-w"),
            "everybody may write above": (lambda place: place.parent.chmod(0o777), "above; chmod go-w"),
            "link": (linked, "is a link"),
            "file": (taken, "exists"),
        }
    ),
)
def test_others_could_put_something_there(place: Path, change: object, reason: str) -> None:
    change(place)  # type: ignore[operator]
    with pytest.raises(OSError, match=reason):
        make_private(place)


@pytest.mark.skipif(HAS_OWNERS and os.getuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize("above", [pytest.param(False, id="itself"), pytest.param(True, id="above")])
def test_another_user_owns_it(place: Path, above: bool) -> None:
    os.chown(place.parent if above else place, SOMEBODY, SOMEBODY)
    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private(place)


def test_files_are_read_where_only_this_user_can_have_written_them(place: Path) -> None:
    file = place / "file"
    file.write_bytes(b"x")
    assert read_own(file) == b"x"
    (place / "link").symlink_to("file")
    with pytest.raises(OSError, match="link"):
        read_own(place / "link")
    file.chmod(0o666)
    with pytest.raises(PermissionError, match="others can write"):
        read_own(file)


def test_whatever_stands_in_the_way_is_removed(place: Path) -> None:
    (place / "directory").mkdir()
    (place / "directory" / "file").touch()
    for path in (place / "directory", place / "none"):
        remove(path)
    assert list(place.iterdir()) == []

"""What is known of the memory that a process may take."""

import pytest

from rnnfast import memory


def test_the_least_of_all_limits_counts(monkeypatch):
    for name, count in (("_field", 3000), ("_container", 2000), ("_addresses", None)):
        monkeypatch.setattr(memory, name, lambda *_, count=count: count)
    assert memory.available_memory() == 2000
    monkeypatch.setattr(memory, "_addresses", lambda: 1000)
    assert memory.available_memory() == 1000


def test_a_system_that_says_nothing(monkeypatch):
    for name in ("_field", "_container", "_addresses"):
        monkeypatch.setattr(memory, name, lambda *_: None)
    assert memory.available_memory() is None


@pytest.mark.parametrize(
    ("limit", "available"), [("1000", 650), ("max", None), ("100", 0)], ids=["a limit", "none", "too little"]
)
def test_copies_of_files_in_a_container_give_way(tmp_path, monkeypatch, limit, available):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("500\n")
    (tmp_path / "memory.stat").write_text("anon 350\ninactive_file 100\nactive_file 50\n")
    assert memory._container() == available


def test_bytes_for_people():
    assert [memory.shown(count) for count in (1, 1500, 2_500_000, 1_630_000_000)] == [
        "1 byte",
        "2 kB",
        "2.5 MB",
        "1.63 GB",
    ]

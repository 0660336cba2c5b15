"""The pages of docs/ as a site: each is in the menu, links lead somewhere, no page asks the network for anything."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from blocks import ROOT

pytest.importorskip("mkdocs")

PAGES = sorted(page.name for page in (ROOT / "docs").glob("*.md"))
LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}  # elements that load a file
LINKS_OUT = {"canonical", "next", "prev"}  # relations of <link> that load nothing


class Page(HTMLParser):
    """A file of the site: addresses of what it loads by itself, and the texts that it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(LOADING.get(tag, ""))
        if address and values.get("rel") not in LINKS_OUT:
            self.addresses.append(address)


def read(path: Path) -> Page:
    """Return what a file of the site holds."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def config() -> Any:
    from mkdocs.config import load_config

    return load_config(str(ROOT / "mkdocs.yml"))


@pytest.fixture(scope="module")
def site(config: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; strict, so that a link to a page or a heading that is not there fails."""
    from mkdocs.commands.build import build

    config["site_dir"] = str(tmp_path_factory.mktemp("site"))
    build(config)
    return Path(config["site_dir"])


def pages_of(menu: Any) -> list[str]:
    """Return the files of a menu, which is a name, a list of menus, or a title with a menu."""
    if isinstance(menu, str):
        return [menu]
    return [page for entry in (menu.values() if isinstance(menu, dict) else menu) for page in pages_of(entry)]


def test_each_page_is_in_the_menu_once(config: Any) -> None:
    assert config["strict"]
    assert sorted(pages_of(config["nav"])) == PAGES


def test_no_page_asks_the_network_for_anything(site: Path) -> None:
    for path in set(site.glob("*.html")) - {site / "404.html"}:  # the page that only a server shows
        addresses = read(path).addresses
        assert addresses, path.name
        for address in addresses:
            assert address.startswith("data:") or (site / re.split("[?#]", address)[0]).is_file(), (path.name, address)


def test_styles_ask_the_network_for_nothing(site: Path) -> None:
    for style in site.rglob("*.css"):
        addresses = re.findall(r"""(?:url\(|@import\s+)["']?([^"')\s]+)""", style.read_text(encoding="utf-8"))
        assert [address for address in addresses if re.match(r"(https?:)?//", address)] == [], style.name


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_not_show_what_prepares_its_examples(site: Path, page: str) -> None:
    shown = "".join(read((site / page).with_suffix(".html")).texts)
    source = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for hidden in re.findall(r"^<!--\n```\w+\n(.*?)^```\n-->", source, re.MULTILINE | re.DOTALL):
        assert hidden.strip().splitlines()[-1] not in shown

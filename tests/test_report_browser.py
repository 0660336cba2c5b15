"""A page in headless Chromium: it draws every figure, says nothing on the console, and its slider counts."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from commands import isolate
from report_runs import Page, train

import rnnfast.report.run

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

SECONDS = 60
# After the page has drawn: what figures are there, and what the slider shows at three places.
PROBE = """
<script>
(async () => {
  while (document.body.dataset.drawn !== "all") await new Promise((done) => setTimeout(done, 20));
  for (const details of document.querySelectorAll("details")) details.open = true;
  await new Promise((done) => setTimeout(done, 100));
  const range = document.getElementById("threshold");
  const places = range ? [0, Math.floor(range.max / 2), Number(range.max)] : [];
  const seen = places.map((place) => {
    range.value = place;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    const names = ["threshold", "tp", "fp", "fn", "tn", "cost"];
    return names.map((name) => document.getElementById(`now-${name}`).textContent);
  });
  const figures = [...document.querySelectorAll(".chart")].map((one) => one.querySelectorAll("svg path").length > 0);
  const tables = [...document.querySelectorAll("details")].map((one) => one.querySelectorAll("tr").length > 1);
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  const title = document.querySelector(".role-axis-title text");
  const inked = getComputedStyle(title).fill === getComputedStyle(document.body).color;
  const widths = () => [...document.querySelectorAll(".chart svg")].map((one) => Number(one.getAttribute("width")));
  const screen = widths();
  dispatchEvent(new Event("beforeprint"));
  await new Promise((done) => setTimeout(done, 100));
  const paper = widths();
  dispatchEvent(new Event("afterprint"));
  await new Promise((done) => setTimeout(done, 100));
  const again = widths();
  document.body.dataset.probe = JSON.stringify({ seen, figures, tables, wide, inked, screen, paper, again });
})();
</script></body>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """The page of a run of each task."""
    directory = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, directory)
        library = rnnfast.report.run._library()
        patch.setattr(rnnfast.report.run, "_library", lambda: library)
        for name in ("binary", "regression"):
            rnnfast.report.run.report(train(directory, name), directory / f"{name}.html")
    return {name: directory / f"{name}.html" for name in ("binary", "regression")}


@pytest.fixture(scope="module")
def probed(pages, tmp_path_factory) -> Callable[[str, int], tuple[dict, str]]:
    """What the probe sees of a page by its name and the width of the window, and what the browser says; each once."""
    return cache(lambda name, width: _probed(pages[name], tmp_path_factory.mktemp("probe"), width))


def _probed(page: Path, directory: Path, width: int) -> tuple[dict, str]:
    probe = directory / "probe.html"
    before, _, after = page.read_text(encoding="utf-8").rpartition("</body>")
    probe.write_text(before + PROBE + after, encoding="utf-8")
    flags = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
    )
    profile = f"--user-data-dir={directory / 'profile'}"
    command = [str(BROWSER), *flags, profile, f"--window-size={width},900", "--dump-dom", f"file://{probe}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    body = next(attributes for tag, attributes in Page(done.stdout).tags if tag == "body")
    return json.loads(body["data-probe"]), done.stderr


@pytest.mark.parametrize("width", [1200, 500])
@pytest.mark.parametrize("name", ["binary", "regression"])
def test_a_page_draws_its_figures_and_says_nothing(probed, name, width):
    probe, said = probed(name, width)
    assert not re.findall(r"CONSOLE.*", said)
    assert all(probe["figures"])
    assert all(probe["tables"])
    assert not probe["wide"]


def test_figures_fit_on_paper_and_then_the_screen_again(probed):
    probe, _ = probed("binary", 1200)
    assert {round(width) for width in probe["paper"]} == {300, 630}
    assert probe["again"] == pytest.approx(probe["screen"], abs=1)
    assert max(probe["screen"]) > 700


def test_figures_have_the_ink_of_the_page(probed):
    assert probed("regression", 1200)[0]["inked"]


def test_the_slider_shows_the_counts_of_its_thresholds(pages, probed):
    probe, _ = probed("binary", 1200)
    slider = Page(pages["binary"].read_text(encoding="utf-8")).data["slider"]
    last = len(slider["threshold"]) - 1
    for texts, place in zip(probe["seen"], (last, last - last // 2, 0), strict=True):
        threshold, tp, fp, fn, tn, cost = (float(text.replace(",", "")) for text in texts)
        assert threshold == pytest.approx(slider["threshold"][place], rel=1e-8)
        assert (tp, fp) == (slider["tp"][place], slider["fp"][place])
        assert (fn, tn) == (slider["positives"] - tp, slider["negatives"] - fp)
        assert cost == fp + 10 * fn

"""A page in headless Chromium: it draws every figure, says nothing on the console, and its slider counts."""

import json
import re
import shutil
import subprocess
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
  document.body.dataset.probe = JSON.stringify({ seen, figures, tables, wide });
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


def probed(page: Path, directory: Path, width: int) -> tuple[dict, str]:
    """Return what the probe saw of a page, and what the browser said."""
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
def test_a_page_draws_its_figures_and_says_nothing(pages, name, width, tmp_path):
    probe, said = probed(pages[name], tmp_path, width)
    assert not re.findall(r"CONSOLE.*", said)
    assert all(probe["figures"])
    assert all(probe["tables"])
    assert not probe["wide"]


def test_the_slider_shows_the_counts_of_its_thresholds(pages, tmp_path):
    probe, _ = probed(pages["binary"], tmp_path, 1200)
    slider = Page(pages["binary"].read_text(encoding="utf-8")).data["slider"]
    last = len(slider["threshold"]) - 1
    for texts, place in zip(probe["seen"], (last, last - last // 2, 0), strict=True):
        threshold, tp, fp, fn, tn, cost = (float(text.replace(",", "")) for text in texts)
        assert threshold == slider["threshold"][place]
        assert (tp, fp) == (slider["tp"][place], slider["fp"][place])
        assert (fn, tn) == (slider["positives"] - tp, slider["negatives"] - fp)
        assert cost == fp + 10 * fn

"""The report of a run: `rnnfast report`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rnnfast.config.sections import DataConfig
from rnnfast.diagnose.machine import cores
from rnnfast.errors import RnnfastError
from rnnfast.records import Record
from rnnfast.report.content.explained import explainer_of
from rnnfast.report.content.panel import Content
from rnnfast.report.content.whole import content_of
from rnnfast.report.figures import chart, check_libraries, specification
from rnnfast.report.page.html import page
from rnnfast.report.reading import read_run
from rnnfast.reporter import Reporter
from rnnfast.writing import check_writable, write_whole

PAGE = "report.html"
SCALE = 2  # pixels of a PNG for one of the figure


class Report(Record, frozen=True):
    """What `report --json` prints.

    output: the page, of so many bytes. part: the rows that it is about, in words. figures: names of what it draws;
    files: that were written of these.
    """

    output: str
    bytes: int
    part: str
    verdict: str
    figures: tuple[str, ...]
    files: tuple[str, ...] = ()


def report(
    run: str | Path,
    output: str | Path | None = None,
    *,
    data: Sequence[str] = (),
    part: str | None = None,
    figures: str | Path | None = None,
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Write a page that says and draws what a run is worth.

    run: directory of a run, or a model file. output: the page; by default report.html beside the model.
    data: tables to score instead of those that the run's configuration names. part: train | valid | test | all; by
    default the test part where there is one, else the validation part, else all. figures: directory for each figure as
    SVG and PNG. force: an existing page is replaced. config, reporter: as of `evaluate_table`.
    Raises RnnfastError where the extra `report` is not installed; others as `evaluate_table`.
    """
    check_libraries()
    directory = Path(run) if Path(run).is_dir() else Path(run).parent
    path = directory / PAGE if output is None else Path(output)
    check_writable(path, force or output is None)
    if figures is not None:
        _make(Path(figures))
    with ThreadPoolExecutor(1) as pool:
        library = pool.submit(_library)  # takes seconds, and nobody needs it yet
        subject = read_run(run, data, part, config or DataConfig(), reporter)
        explainer = explainer_of(subject.model)
        if reporter is not None:
            explainer.slopes.prepare(cores(), reporter.compiling)
        content = content_of(subject.explained_by(explainer))
        from rnnfast.report.figures.palette import CONFIG

        drawn = {panel.name: specification(panel) for panel in content.panels}
        text = page(content, drawn, CONFIG, library.result())
    encoded = text.encode()
    write_whole(path, encoded)
    files = () if figures is None else _draw(content, Path(figures))
    names = tuple(panel.name for panel in content.panels)
    return Report(str(path), len(encoded), subject.words, content.verdict, names, files)


def _library() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script."""
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # without a snippet: vega-embed alone


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RnnfastError(
            f"{directory}: cannot be created: {error.strerror or error}; give another --figures"
        ) from None


def _draw(content: Content, directory: Path) -> tuple[str, ...]:
    """Write each figure as SVG and PNG."""
    import vl_convert

    files = []
    for panel in content.panels:
        drawn: dict[str, Any] = chart(panel).to_dict(validate=False)
        svg = vl_convert.vegalite_to_svg(drawn)
        for suffix, written in ((".svg", svg.encode()), (".png", vl_convert.svg_to_png(svg, scale=SCALE))):
            path = directory / f"{panel.name}{suffix}"
            write_whole(path, written)
            files.append(str(path))
    return tuple(files)

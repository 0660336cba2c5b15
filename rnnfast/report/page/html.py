"""The HTML of a page. Whatever comes from outside, names of columns, classes and files, is escaped."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from typing import Any

from rnnfast.display import ESCAPES, printable
from rnnfast.records import plain
from rnnfast.report.content.panel import Content, Panel, Section, Slider, Table

# Nothing may be fetched: the browser itself refuses it. Vega makes functions of expressions, hence unsafe-eval.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
# In a script of JSON these would end it, or the line.
UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
LONG = 24  # characters of a cell from which on it is broken into lines
# What JSON leaves as it is, and a browser would obey: the text has their escapes.
UNSAFE |= {code: text.replace("\\", r"\\") for code, text in ESCAPES.items() if code > ord("~")}


def page(content: Content, specifications: dict[str, dict[str, Any]], config: dict[str, Any], library: str) -> str:
    """Return the text of a page.

    specifications: name of a panel -> its Vega-Lite; config: of all of these. library: the script that makes
    window.vegaEmbed.
    """
    data = {
        "panels": {
            panel.name: {"columns": panel.columns, "headings": panel.headings, "chart": specifications[panel.name]}
            for panel in content.panels
        },
        "slider": content.slider,
        "config": config,
    }
    title = escape(content.title)
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}: rnnfast report</title>",
            f"<style>\n{_asset('style.css')}</style>\n</head>\n<body>",
            f'<header>\n<h1>{title}</h1>\n<p class="verdict">{escape(content.verdict)}</p>',
            *(f'<p class="lead">{escape(text)}</p>' for text in content.lead),
            f"{_contents(content)}</header>",
            "<main>",
            *(_section(section, content.slider) for section in content.sections),
            "</main>",
            f'<script type="application/json" id="data">{script_json(data)}</script>',
            f"<script>{library.replace('</script', '<' + chr(92) + '/script')}</script>",
            f"<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n",
        )
    )


def escape(text: str) -> str:
    """Return a text as HTML that shows it, with escapes for signs that would turn the direction of what follows."""
    return html.escape(printable(text))


def script_json(value: Any) -> str:
    """Return JSON that may stand in a script of HTML."""
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False).translate(UNSAFE)


def _asset(name: str) -> str:
    return files("rnnfast.report.page").joinpath(name).read_text(encoding="utf-8")


def _contents(content: Content) -> str:
    links = (f'<a href="#{section.name}">{escape(section.title)}</a>' for section in content.sections)
    return f'<nav aria-label="Sections">{" ".join(links)}</nav>\n'


def _section(section: Section, slider: Slider | None) -> str:
    pieces = [f'<section id="{section.name}">\n<h2>{escape(section.title)}</h2>']
    if section.name == "notes":
        pieces.append(f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in section.texts)}</ul>")
    else:
        pieces += [f"<p>{escape(text)}</p>" for text in section.texts]
    if section.name == "thresholds" and slider is not None:
        pieces.append(_slider(slider))
    pieces += map(_table, section.tables)
    if section.panels:
        pieces.append(f'<div class="figures">\n{"".join(map(_figure, section.panels))}</div>')
    return "\n".join((*pieces, "</section>"))


def _cell(text: str) -> str:
    words = ' class="words"' if len(text) > LONG else ""
    return f"<td{words}>{escape(text)}</td>"


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(map(_cell, cells))}</tr>' for first, *cells in table.rows
    )
    wide = ' class="many"' if len(table.columns) > 2 else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}"><table{wide}>'
        f"<caption>{escape(table.caption)}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _figure(panel: Panel) -> str:
    name, title = escape(panel.name), escape(panel.title)
    wide = ' class="wide"' if panel.kind in ("answers", "inputs", "attribution", "warning", "event") else ""
    return (
        f'<figure id="figure-{name}"{wide}>\n<figcaption><b>{title}</b> {escape(panel.caption)}</figcaption>\n'
        f'<div class="chart" data-panel="{name}" role="img" aria-label="{title}: {escape(panel.caption)}"></div>\n'
        f'<details data-panel="{name}"><summary>The numbers behind it</summary></details>\n</figure>\n'
    )


COUNTS = (
    ("tp", "Right alarms"),
    ("fp", "False alarms"),
    ("fn", "Missed"),
    ("tn", "Rightly quiet"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("f1", "F1"),
    ("alarms", "Alarms in 1,000 rows"),
    ("cost", "Cost"),
)


def _slider(slider: Slider) -> str:
    last, at = len(slider.threshold) - 1, slider.at
    fields = "".join(f'<div><dt>{label}</dt><dd id="now-{name}"></dd></div>' for name, label in COUNTS)
    return f"""<form class="slider" id="slider" autocomplete="off">
<p><label for="threshold">An alarm is raised for <b>{escape(slider.positive)}</b> from the probability
<output id="now-threshold" for="threshold"></output> on</label></p>
<input type="range" id="threshold" min="0" max="{last}" step="1" value="{last - at}" aria-describedby="slider-help">
<p id="slider-help" class="faint">To the left more alarms, to the right fewer. Counts are of the labelled rows, by
their weights where these have some.</p>
<p class="costs"><label>A false alarm costs <input type="number" id="cost-fp" value="1" min="0" step="any"></label>
<label>a miss costs <input type="number" id="cost-fn" value="10" min="0" step="any"></label>
<button type="button" id="cheapest">Least cost</button> <button type="button" id="own">The model's own</button></p>
<dl aria-live="polite">{fields}</dl>
</form>"""

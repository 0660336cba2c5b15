"""A service that answers, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.console.screen import Screen, fields

if TYPE_CHECKING:
    from rnnfast.serving.command import Listening


def show_service(screen: Screen, listening: Listening) -> None:
    """Print the models, the address, and a request to try."""
    names = [f"{name} ({path})" for name, path in listening.models.items()]
    rows = [("Model" if not j else "", text) for j, text in enumerate(names)]
    token = " -H 'Authorization: Bearer TOKEN'" if listening.token else ""
    which = f"?model={next(iter(listening.models))}" if len(listening.models) > 1 else ""
    screen.progress(
        fields(
            [
                *rows,
                ("Answers", f"{listening.url}, until Ctrl-C"),
                ("Next", f"curl{token} --data-binary @TABLE.csv '{listening.url}/predict{which}'"),
            ]
        )
    )

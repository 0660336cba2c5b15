"""Keeps what a run says is worth knowing."""

from rnnfast.reporter import Reporter


class Notices(Reporter):
    """Sentences in the order in which they were told."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

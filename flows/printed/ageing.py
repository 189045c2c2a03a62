"""How a trained model ages, as several commands print it."""

from __future__ import annotations

from tasks.core.age_curve import Ageing


class ShownAgeing(Ageing):
    """The same in a sentence, too: `words`."""

    words: str

    @classmethod
    def told(cls, ageing: Ageing | None) -> ShownAgeing | None:
        """None of a model of which nothing is known."""
        return None if ageing is None else cls(**dict(ageing), words=ageing.sentence)

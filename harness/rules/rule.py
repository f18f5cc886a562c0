"""One rule: an id, one text, one check, and one bad example; or the mark that people look at it."""

from __future__ import annotations

from dataclasses import dataclass

BY_REVIEW = "by review"
"""In place of a check: no program can tell, and whoever accepts an entry looks at it."""


@dataclass(frozen=True)
class Rule:
    """One rule. `check` is the function that refuses (module:function), or `BY_REVIEW`; `example` breaks it.

    An example of a rule of entries is what one would write in `submission.py` in place of the template's function of
    the same name, or in `submission.toml` where it starts with a bracket or a key. Other examples are a few words.
    """

    id: str
    text: str
    check: str
    example: str

    @property
    def by_review(self) -> bool:
        return self.check == BY_REVIEW

    @property
    def checked_by(self) -> str:
        """The function as one would import it, or that people look at it."""
        return self.check.replace(":", ".")

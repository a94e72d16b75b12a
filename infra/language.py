"""Words for people, in the two languages of the reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from infra.domain import unknown


class Language(StrEnum):
    """The languages of the reports, by their BCP 47 tags."""

    EN = "en"
    ZH_TW = "zh-TW"


def language_tagged(tag: str) -> Language:
    """Return the language of a tag.

    Raises:
        ConfigError: There is none; the nearest and all languages are named.
    """
    try:
        return Language(tag)
    except ValueError:
        raise unknown("language", tag, Language) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same words in each language."""

    en: str
    zh_tw: str

    def in_(self, language: Language) -> str:
        """Return the words in one language."""
        return self.zh_tw if language is Language.ZH_TW else self.en

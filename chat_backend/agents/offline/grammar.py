"""From templates to an utterance: facts and words filled in, sentences that fit their limit."""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from chat_backend.agents.base import MAX_CHARS
from chat_backend.agents.limits import clip
from chat_backend.agents.offline.persona import Templates
from shared_schema.ids import Kind

_FIELD: Final = re.compile(r"\{(\w+)\}")
# Two words of six letters more or less make a sentence too long only now and then.
_ATTEMPTS: Final = 12


class Grammar:
    """Builds one utterance; remembers which templates and words it has used up."""

    def __init__(
        self, lexicon: Mapping[str, Templates], facts: Mapping[str, str], rng: Random
    ) -> None:
        self._lexicon = lexicon
        self._facts = facts
        self._rng = rng

    def compose(self, kind: Kind, pools: Sequence[Templates]) -> str:
        """Return one sentence of each pool, as many as fit, at least one.

        A pool without a template whose facts are known gives no sentence.
        """
        wanted = [usable for pool in pools if (usable := self._usable(pool))]
        while wanted:
            for _ in range(_ATTEMPTS):
                text = self._utterance(wanted)
                if len(text) <= MAX_CHARS[kind]:
                    return text
            if len(wanted) == 1:
                return clip(text, kind)
            del wanted[-1]
        raise ValueError("no template's facts are known")

    def _usable(self, pool: Templates) -> Templates:
        return tuple(
            template
            for template in pool
            if all(name in self._facts or name in self._lexicon for name in _names(template))
        )

    def _utterance(self, pools: Sequence[Templates]) -> str:
        spent: set[str] = set()
        return " ".join(self._sentence(pool, spent) for pool in pools)

    def _sentence(self, pool: Templates, spent: set[str]) -> str:
        def fill(match: re.Match[str]) -> str:
            name = match[1]
            return self._facts[name] if name in self._facts else self._fresh(name, spent)

        fresh = [template for template in pool if not self._repeats(template, spent)] or pool
        template = self._rng.choice(fresh)
        spent.update(name for name in _names(template) if name in self._facts)
        text = _FIELD.sub(fill, template)
        return text[0].upper() + text[1:]

    def _fresh(self, name: str, spent: set[str]) -> str:
        """Return an entry of the lexicon that this utterance has not had."""
        entries = [entry for entry in self._lexicon[name] if entry not in spent]
        entry = self._rng.choice(entries or self._lexicon[name])
        spent.add(entry)
        return entry

    def _repeats(self, template: str, spent: set[str]) -> bool:
        """Return whether the template quotes what this utterance has quoted."""
        return any(name in spent for name in _names(template))


def _names(template: str) -> list[str]:
    return _FIELD.findall(template)

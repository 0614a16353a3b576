"""What makes a persona: its temperament, its voices, and the sentences it can build.

Every text is a template. A name in braces is a fact of the moment (`phrase`, `word`, `name`,
`past`, `quote`, `second`, `rest`) or an entry of the persona's own lexicon. Facts are words of
other people and always stand in quotation marks, so that any of them is grammatical; names are the
exception. A template is one sentence and is used only when all its facts are known.
"""

from collections.abc import Mapping

from msgspec import Struct

from chat_backend.agents.offline.themes import Theme
from shared_schema.ids import AgentId, VoiceProfile

Templates = tuple[str, ...]


class Persona(Struct, frozen=True, kw_only=True):
    """One mind.

    Attributes
    ----------
    title : str
        Who it is, in a few words.
    home, moods : VoiceProfile
        The voice that it mostly has, and those that it sometimes takes on.
    drawn_to : AgentId
        Whom it likes to answer.
    lexicon : mapping
        Its own words, by name.
    told, asked, greeted, single, named, wordless : Templates
        First sentences: for a statement, a question, a greeting, one word, someone who says a name,
        and a message without a word that can be spoken.
    thoughts, themes, closings, remembered : Templates
        Second and third sentences: its own thoughts, thoughts on what the visitor speaks of, last
        words, and last words that recall an earlier visit.
    comments : Templates
        Sentences to another, quoting it.
    replies, replies_to_many, reply_closings : Templates
        First sentences to one comment or to several, and second sentences.
    """

    title: str
    home: VoiceProfile
    moods: tuple[VoiceProfile, ...]
    drawn_to: tuple[AgentId, ...]
    lexicon: Mapping[str, Templates]
    told: Templates
    asked: Templates
    greeted: Templates
    single: Templates
    named: Templates
    wordless: Templates
    thoughts: Templates
    themes: Mapping[Theme, Templates]
    closings: Templates
    remembered: Templates
    comments: Templates
    replies: Templates
    replies_to_many: Templates
    reply_closings: Templates

"""Lists of small English words, for those who look for phrases that can be quoted."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say nothing by themselves.
EMPTY: Final = _words(
    """
    a about above after again all also always am an and any anybody anyone anything are aren't
    around as at away back be because been before being below between both but by can can't
    cannot could couldn't did didn't do does doesn't doing don't dont down during each either
    else even ever every few for from further get gets getting go goes going got had hadn't has
    hasn't have haven't having he he's hello her here hers herself hey hi him himself his how i
    i'd i'll i'm i've if im in into is isn't it it's its itself just know least let let's like
    made make makes many maybe me might more most much must my myself neither never no nobody
    none nor not nothing now of off ok okay on once one only onto or other our ours out over own
    perhaps please put quite rather really said same say says shall she she's should so some
    somebody someone something still such than that that's the their theirs them themselves then
    there there's these they they're thing things this those though through to too two under
    until up upon us very want was wasn't way we we'll we're we've well were weren't what what's
    when where whether which while who whom whose why will with within without won't would
    wouldn't yes yet you you'd you'll you're you've your yours yourself
    """
)
# A quotation does not begin well with these.
BAD_FIRST: Final = _words(
    """
    about all also am and are as at be because been but by can could did do does for from had
    has have him if into is it's its like may me might must nor of off on onto or said say says
    should so than that them then there though to too until up upon us was were whether which
    while who whom whose will with would yet
    """
)
SUBJECTS: Final = _words("i you we they he she i'm i've i'd i'll you're you've we're they're")
CONJUNCTIONS: Final = _words(
    "after although and because before but if or since so than that though until when where while"
)
# Nothing may be cut off after these.
MODIFIERS: Final = _words(
    """
    a an any as each eight every five four her his its more most my never nine no not one our
    quite rather seven six so some ten the their these this those three too two very your
    """
)
# What these begin is not whole without them.
QUESTION_WORDS: Final = _words("how what when where which who whom whose why")
# Before one of these stands a subject.
AUXILIARIES: Final = _words(
    "am are can could did do does had has have is may might must shall should was were will would"
)
# A verb or a noun before one of these waits for it.
OBJECTS: Final = _words("him it me of them to us you")
# What a clause may stand between; the empty string is the edge of the text.
CLAUSE_MARKS: Final = ("", ".", ",", ";", ":", "!", "?", "\u2026")

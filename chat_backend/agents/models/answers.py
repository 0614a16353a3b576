"""A model's answer: its JSON schema, parsing and validation."""

import ast
import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final, Literal, TypeVar

import msgspec

from chat_backend.agents.base import CommentSelection, MoodReading, PlainText
from chat_backend.agents.limits import cut
from chat_backend.providers.replies import clean
from shared_schema.facts import MAX_JUSTIFICATION_CHARS, MOODS, Sentiment
from shared_schema.foreign_text import without_controls
from shared_schema.ids import VOICE_PROFILES, AnyKind

Answer = TypeVar("Answer", bound=PlainText)

# Models count badly: a text slightly too long is cut at a word (the contract), an essay is not.
TOLERANCE: Final = 1.5
EXAMPLES: Final[dict[AnyKind | Literal["sentiment"], str]] = {
    "response": '{"text": "The harbour keeps the ropes.", "voice_profile": "calm_soothing"}',
    "comment": (
        '{"text": "Your rope is wet, friend.", "voice_profile": "friendly_casual",'
        ' "target_slot_id": 3}'
    ),
    "reply": '{"text": "Wet ropes hold better.", "voice_profile": "confident_charming"}',
    "summary": '{"text": "One kept the rope, one cut it, and the water carried both."}',
    "sentiment": '{"text": "The words speak of a loss.", "sentiment": "negative"}',
}
# An answer has some hundred characters; a text with more braces than this is not one.
_MAX_OBJECTS: Final = 64
# Of a visitor's words in a justification: four in a row are a quotation.
_TOO_MANY: Final = 4
# Where no spaces divide words (Thai to Khmer, kana, Han), each character counts as one.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_SAID: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_MAX_READ_CHARS: Final = 100_000
_MAX_OBJECT_CHARS: Final = 10_000
# All patterns take a time that is linear in the text: it is read on the event loop.
_FENCED: Final = re.compile(r"```[\w-]*+\s*+(.*?)```", re.DOTALL)
_THOUGHT_END: Final = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_THOUGHT: Final = re.compile(
    r"<(think|thinking|reasoning)>(?:[^<]++|<(?!/?(?:think|thinking|reasoning)>))*+</\1>",
    re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"//[^\n\"]*+(\"?)")
_DECODER: Final = json.JSONDecoder(strict=False)


class InvalidAnswer(Exception):
    """Why an answer is invalid, in words for the model itself."""


def schema(
    answer: type[PlainText], max_chars: int, targets: Collection[int] = ()
) -> dict[str, Any]:
    """Return the JSON schema of an answer; a comment's target can only be one of `targets`."""
    _, parts = msgspec.json.schema_components([answer], ref_template="#/$defs/{name}")
    found: dict[str, Any] = parts[answer.__name__]
    fields: dict[str, Any] = {name: dict(value) for name, value in found["properties"].items()}
    # Servers that generate by the schema's grammar enforce this; the prompt is for the others.
    fields["text"]["maxLength"] = max_chars
    # The members of an enumeration imply its type, but strict modes want it stated.
    if "voice_profile" in fields:
        fields["voice_profile"] = {"type": "string", "enum": list(VOICE_PROFILES)}
    if "sentiment" in fields:
        fields["sentiment"] = {"type": "string", "enum": list(MOODS)}
    if "target_slot_id" in fields:
        fields["target_slot_id"] = {"type": "integer", "enum": sorted(targets)}
    return {
        "title": answer.__name__,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object that is a model's answer, wherever it is in the text.

    In a fence, in prose, after reasoning (whose beginning may be missing), within another object or
    list, or as a string within a string; with trailing commas or Python's quotes.
    """
    text = text[:_MAX_READ_CHARS].lstrip("\ufeff")
    after = _THOUGHT_END.split(_THOUGHT.sub("", text))[-1]
    for part in (*_FENCED.findall(after), after, text):
        for found in (part.strip(), *_objects(part)):
            answer = _answer_in(found)
            if answer is not None:
                cleaned: dict[str, Any] = clean(answer)
                return cleaned
    return None


def validated(
    content: object, answer: type[Answer], max_chars: int, targets: Collection[int] = ()
) -> Answer:
    """Return the answer if it is valid.

    Raises
    ------
    InvalidAnswer
        If a field is missing or of another kind, the text is empty or far too long, or a comment's
        target is not one of `targets`.
    """
    try:
        found = msgspec.convert(_normal(content), answer)
    except msgspec.ValidationError as error:
        raise InvalidAnswer(f"The answer does not fit its schema: {error}.") from None
    text = found.text.strip()
    if not any(sign.isalnum() for sign in text):
        raise InvalidAnswer("The text is empty. Say something.")
    if len(text) > TOLERANCE * max_chars:
        raise InvalidAnswer(
            f"The text has {len(text)} characters; at most {max_chars} may be spoken."
        )
    if isinstance(found, CommentSelection) and found.target_slot_id not in targets:
        choices = ", ".join(str(slot) for slot in sorted(targets))
        raise InvalidAnswer(
            f"Slot {found.target_slot_id} can't be commented on; choose one of {choices}."
        )
    return found


def discreet(reading: MoodReading, message: str) -> Sentiment:
    """Return a mood whose justification repeats at most three words of the message in a row."""
    said, why = _words(message), _words(reading.text)
    runs = {tuple(said[at : at + _TOO_MANY]) for at in range(len(said) - _TOO_MANY + 1)}
    quotes = any(tuple(why[at : at + _TOO_MANY]) in runs for at in range(len(why)))
    text = f"The words sound {reading.sentiment}." if quotes else reading.text
    return Sentiment(
        sentiment=reading.sentiment, justification=cut(text.strip(), MAX_JUSTIFICATION_CHARS)
    )


def _words(text: str) -> list[str]:
    return _SAID.findall(text.lower())


def _normal(content: object) -> object:
    """Return an answer's fields normalised: numbers in strings, names in another case."""
    if not isinstance(content, dict):
        return content
    fields = dict(content)
    text, profile, target, mood = (
        fields.get(name) for name in ("text", "voice_profile", "target_slot_id", "sentiment")
    )
    if isinstance(text, str):
        fields["text"] = without_controls(text)
    if isinstance(profile, str):
        fields["voice_profile"] = re.sub(r"[\s-]+", "_", profile.strip().lower())
    if isinstance(mood, str):
        fields["sentiment"] = mood.strip().lower()
    if isinstance(target, str) and (number := re.search(r"\d{1,3}", target)):
        fields["target_slot_id"] = int(number[0])
    elif isinstance(target, float) and target.is_integer():
        fields["target_slot_id"] = int(target)
    return fields


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Return the objects in a text, the outermost ones."""
    at = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if at < 0:
            return
        found, end = _object_at(text, at)
        if found is not None:
            yield found
        at = text.find("{", end)


def _object_at(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    try:
        found, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        pass
    else:
        return found, end
    # Not JSON by the letter: comments, trailing commas, Python's quotes, a last brace that lacks.
    end = text.rfind("}") + 1
    piece = text[at:end] if end > at else f"{text[at:].rstrip()}}}"
    if len(piece) > _MAX_OBJECT_CHARS:
        return None, at + 1
    # A quotation mark behind the slashes: they are part of a text.
    piece = _COMMENT.sub(lambda match: match[0] if match[1] else "", piece)
    piece = re.sub(r",(\s*+[}\]])", r"\1", piece)
    try:
        found = json.loads(piece, strict=False)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(piece)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            found = None
    return (found, max(end, at + 1)) if isinstance(found, dict) else (None, at + 1)


def _snake(name: object) -> str:
    """Return a field's name as we write it, whether it came as voiceProfile or Voice Profile."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", str(name).strip()).lower()


def _answer_in(value: Any, depth: int = 0) -> dict[str, Any] | None:
    """Return the object with a text in a value: itself, or one within it."""
    if depth > 3:
        return None
    if isinstance(value, str):
        try:
            return _answer_in(json.loads(value, strict=False), depth + 1) if "{" in value else None
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict):
        named = {_snake(key): each for key, each in value.items()}
        if isinstance(named.get("text"), str) and not named["text"].startswith("{"):
            return named
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return None
    found = (_answer_in(each, depth + 1) for each in inner)
    return next((each for each in found if each is not None), None)

"""The answer that a model must give: its JSON schema, and its validation."""

from collections.abc import Collection
from typing import Any, Final, TypeVar

import msgspec

from chat_backend.agents.base import MAX_CHARS, CommentSelection, SpokenResponse
from shared_schema.ids import VOICE_PROFILES, Kind

Answer = TypeVar("Answer", bound=SpokenResponse)

# Models count badly: what is a little too long is cut at a word (the contract), an essay is not.
TOLERANCE: Final = 1.5


class InvalidAnswer(Exception):
    """Why an answer is invalid, in words that the model itself can act on."""


def schema(
    answer: type[SpokenResponse], kind: Kind, targets: Collection[int] = ()
) -> dict[str, Any]:
    """Return the JSON schema of an answer; a comment's target can only be one of `targets`."""
    _, parts = msgspec.json.schema_components([answer], ref_template="#/$defs/{name}")
    found: dict[str, Any] = parts[answer.__name__]
    fields: dict[str, Any] = {name: dict(value) for name, value in found["properties"].items()}
    # Servers that generate by the schema's grammar stop there; the prompt tells the others.
    fields["text"]["maxLength"] = MAX_CHARS[kind]
    # The members of an enumeration imply its type, but strict modes want it stated.
    fields["voice_profile"] = {"type": "string", "enum": list(VOICE_PROFILES)}
    if "target_slot_id" in fields:
        fields["target_slot_id"] = {"type": "integer", "enum": sorted(targets)}
    return {
        "title": answer.__name__,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def validated(
    content: object, kind: Kind, answer: type[Answer], targets: Collection[int] = ()
) -> Answer:
    """Return the answer if it is valid.

    Raises
    ------
    InvalidAnswer
        If a field is missing or of another kind, the text is empty or far too long, or a comment's
        target is not one of `targets`.
    """
    try:
        found = msgspec.convert(content, answer)
    except msgspec.ValidationError as error:
        raise InvalidAnswer(f"The answer does not fit its schema: {error}.") from None
    text = found.text.strip()
    if not any(sign.isalnum() for sign in text):
        raise InvalidAnswer("The text is empty. Say something.")
    limit = MAX_CHARS[kind]
    if len(text) > TOLERANCE * limit:
        raise InvalidAnswer(f"The text has {len(text)} characters; at most {limit} may be spoken.")
    if isinstance(found, CommentSelection) and found.target_slot_id not in targets:
        choices = ", ".join(str(slot) for slot in sorted(targets))
        raise InvalidAnswer(
            f"Slot {found.target_slot_id} can't be commented on; choose one of {choices}."
        )
    return found

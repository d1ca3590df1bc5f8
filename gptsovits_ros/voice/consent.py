"""The record that a speaker agreed to be copied: who, when, for what, and of which recording."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timezone
from pathlib import Path

from gptsovits_ros.errors import ConsentMissingError, VoiceInvalidError
from gptsovits_ros.voice.plain_yaml import read_yaml, yaml_text

CONSENT_FILE = 'consent.yaml'
MAX_CHARACTERS = 500
MAX_FILE_BYTES = 16 * 1024
EXAMPLE = '"Anna Example, 2026-05-17, the voice of the robot at the desk"'
_DAY = re.compile(r'\d{4}-\d{2}-\d{2}')


@dataclass(frozen=True)
class Consent:
    """What a speaker agreed to.

    Attributes:
        who: the speaker, and who spoke for them if they cannot themselves.
        when: day on which they agreed, as 2026-05-17.
        purpose: what the voice may be used for.
        source: where the recording came from (a file name, a topic); may be empty.
        recorded_at: when this record was made, UTC, as 2026-05-17T09:30:00+00:00.

    """

    who: str
    when: str
    purpose: str
    source: str = ''
    recorded_at: str = ''

    def __post_init__(self) -> None:
        """Raise ConsentMissingError if the record does not tell who, when and for what."""
        for name, value in asdict(self).items():
            if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
                raise ConsentMissingError(
                    f'the consent cannot be used: "{name}" must be a text of at most '
                    f'{MAX_CHARACTERS} characters'
                )
        for name in ('who', 'when', 'purpose'):
            if not getattr(self, name).strip():
                raise ConsentMissingError(
                    f'the consent does not tell "{name}"; say who agreed, when, and for what, '
                    f'as {EXAMPLE}'
                )
        _check_day(self.when)

    @classmethod
    def now(cls, who: str, when: str, purpose: str, source: str = '') -> Consent:
        """Return a record that is made at this moment.

        Raises:
            ConsentMissingError: it does not tell who, when and for what.

        """
        recorded_at = datetime.now(timezone.utc).isoformat(timespec='seconds')
        return cls(who.strip(), when.strip(), purpose.strip(), source.strip(), recorded_at)

    @classmethod
    def parse(cls, statement: str, source: str = '') -> Consent:
        """Return the record of a statement "WHO, WHEN, FOR WHAT", made at this moment.

        Raises:
            ConsentMissingError: it does not tell who, when (as 2026-05-17) and for what.

        """
        parts = re.match(r'(?s)(.*?)\s*,\s*(\d{4}-\d{2}-\d{2})\s*,\s*(.*)', statement)
        if parts is None:
            raise ConsentMissingError(
                f'the consent {statement[:80]!r} does not tell who agreed, when, and for what; '
                f'write it as {EXAMPLE}'
            )
        return cls.now(*parts.groups(), source)


def write_consent(consent: Consent, folder: Path) -> None:
    """Write the record into the folder of a voice."""
    (folder / CONSENT_FILE).write_text(yaml_text(asdict(consent)), encoding='utf-8')


def read_consent(folder: Path) -> Consent | None:
    """Return the record in the folder of a voice; None if there is none.

    Raises:
        VoiceInvalidError: it is damaged.

    """
    path = folder / CONSENT_FILE
    if not path.is_file():
        return None
    tree = read_yaml(path, MAX_FILE_BYTES)
    known = {field.name for field in fields(Consent)}
    if not isinstance(tree, dict) or not set(tree) <= known:
        raise VoiceInvalidError(f'{path} must tell {", ".join(sorted(known))}, and nothing else')
    try:
        return Consent(**tree)
    except (ConsentMissingError, TypeError) as error:
        raise VoiceInvalidError(f'{path}: {error}') from error


def _check_day(text: str) -> None:
    """Refuse what is no day, or one that is still to come."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise ConsentMissingError(
            f'the day of the consent is {text!r}; write it as year-month-day, as 2026-05-17'
        )
    # Somewhere on earth it is tomorrow already.
    if (day - datetime.now(timezone.utc).date()).days > 1:
        raise ConsentMissingError(f'the consent of {text} lies in the future')

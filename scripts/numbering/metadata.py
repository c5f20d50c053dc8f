"""Reads libphonenumber's compiled metadata: a protobuf of `PhoneMetadata` messages.

Only the wire format and the handful of fields that the numbering table needs are implemented, so
that the generator runs on a bare Python 3 with nothing to install.
"""

from dataclasses import dataclass, field

# Field numbers of resources/phonemetadata.proto.
DESCRIPTIONS = {
    "general": 1,
    "fixed_line": 2,
    "mobile": 3,
    "toll_free": 4,
    "premium_rate": 5,
    "shared_cost": 6,
    "personal_number": 7,
    "voip": 8,
    "pager": 21,
    "uan": 25,
    "voicemail": 28,
}
ID, COUNTRY_CODE, INTERNATIONAL_PREFIX = 9, 10, 11
PREFIX_FOR_PARSING, TRANSFORM_RULE = 15, 16
SAME_MOBILE_AND_FIXED, MAIN_COUNTRY, LEADING_DIGITS = 18, 22, 23
PATTERN, POSSIBLE_LENGTH, LOCAL_ONLY_LENGTH = 2, 9, 10


@dataclass
class Description:
    """What one kind of number of one region looks like. `pattern` None matches nothing."""

    pattern: str | None = None
    lengths: list[int] = field(default_factory=list)
    local_lengths: list[int] = field(default_factory=list)


@dataclass
class Territory:
    """One `PhoneMetadata` message."""

    region: str
    calling_code: int
    descriptions: dict[str, Description]
    international_prefix: str | None
    national_prefix: str | None
    transform: str
    same_mobile_and_fixed: bool
    main: bool
    leading_digits: str | None


def territories(blob):
    """Every territory, in the file's order (which decides between regions that share a code)."""
    return [_territory(value) for number, value in _fields(blob) if number == 1]


def _territory(blob):
    last = {}
    for number, value in _fields(blob):
        last[number] = value
    return Territory(
        region=last[ID].decode(),
        calling_code=last[COUNTRY_CODE],
        descriptions={
            name: _description(last.get(number, b"")) for name, number in DESCRIPTIONS.items()
        },
        international_prefix=_pattern(last.get(INTERNATIONAL_PREFIX)),
        national_prefix=_pattern(last.get(PREFIX_FOR_PARSING)),
        transform=last.get(TRANSFORM_RULE, b"").decode(),
        same_mobile_and_fixed=bool(last.get(SAME_MOBILE_AND_FIXED, 0)),
        main=bool(last.get(MAIN_COUNTRY, 0)),
        leading_digits=_pattern(last.get(LEADING_DIGITS)),
    )


def _description(blob):
    description = Description()
    for number, value in _fields(blob):
        if number == PATTERN:
            description.pattern = _pattern(value)
        elif number == POSSIBLE_LENGTH:
            description.lengths += _lengths(value)
        elif number == LOCAL_ONLY_LENGTH:
            description.local_lengths += _lengths(value)
    return description


def _lengths(value):
    if isinstance(value, int):
        return [_signed(value)]
    values, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        values.append(_signed(number))
    return values


def _pattern(value):
    """The bare pattern: the compiled metadata stores each one wrapped as `^(?:...)$`."""
    if value is None:
        return None
    text = value.decode()
    if not (text.startswith("^(?:") and text.endswith(")$")):
        raise ValueError(f"pattern is not anchored as expected: {text!r}")
    return text[4:-2]


def _signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


def _fields(blob):
    at = 0
    while at < len(blob):
        tag, at = _varint(blob, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(blob, at)
        elif wire == 2:
            size, at = _varint(blob, at)
            value, at = blob[at : at + size], at + size
        else:
            raise ValueError(f"unexpected wire type {wire} of field {number}")
        yield number, value


def _varint(blob, at):
    number = shift = 0
    while True:
        byte = blob[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at

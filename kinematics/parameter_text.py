"""Reads Momentum's parameter text: the sectioned `.model` and the older `.cfg`.

The two share their lines but differ in details, and each is read by its own rules:

    joint.channel = w * parameter + w * parameter + ...
    limit TARGET TYPE values weight

.model: numbers may have exponents, spaces are free; a bare number is a constant; `w * joint.channel` copies
what drives that channel; terms of one channel and parameter add up; parameters with `scale_` in their name
are scale parameters.
.cfg: no exponents, constants or copies; one space on either side of `*`; a later weight for the same channel
and parameter replaces the earlier; only minmax and minmax_passive limits; parameters that start with `scale`
are scale parameters. What the older format's own reader skips without stopping is an error here, unless asked
otherwise.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError
from kinematics.limits import EllipsoidLimit, HalfPlaneLimit, Limit, LinearLimit, MinMaxLimit
from kinematics.skeleton import CHANNELS, Skeleton

MODEL_HEADER = "Momentum Model Definition V1.0"
MAX_LINE = 10_000
MAX_PARAMETERS = 10_000


class ParameterFileError(A2PError):
    """A parameter definition that cannot be read."""


@dataclass(frozen=True)
class ParsedParameters:
    """What a parameter text says, for J joints and N parameters, the last `scale_count` being scales."""

    names: tuple[str, ...]
    matrix: FloatArray
    offsets: FloatArray
    limits: tuple[Limit, ...]
    scale_count: int


def parse_parameters(
    text: str, skeleton: Skeleton, source: str, *, skip_unknown: bool = False
) -> ParsedParameters:
    """Parses either format; which one, the first line tells.

    source: what to call the text in messages.
    skip_unknown: pass over, with one warning, what the `.cfg` format's own reader passes over: lines for
        unknown joints, malformed terms, limits of other types or on unknown targets. Some actors' files hold
        such lines.

    Raises ParameterFileError with the line number.
    """
    lines = [line.split("#", 1)[0].strip() for line in text.splitlines()]
    first = next((line for line in lines if line), "")
    parser = _Parser(skeleton, source, _MODEL if first == MODEL_HEADER else _CFG, skip_unknown)
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    for number, line in numbered:
        if len(line) > MAX_LINE:
            raise ParameterFileError(f"{source}, line {number}: longer than {MAX_LINE} letters.")
    if parser.dialect is _MODEL:
        parser.read_model(numbered[1:])
    else:
        parser.read_cfg(numbered)
    return parser.result()


@dataclass(frozen=True)
class _Dialect:
    weighted: re.Pattern[str]
    number: re.Pattern[str]
    limit_number: str
    terms_add_up: bool
    is_scale: Callable[[str], bool]


_NAME = r"[A-Za-z_][\w.:|]*"
_PLAIN = r"-?(?:\d+\.?\d*|\.\d+)"
_WITH_EXPONENT = _PLAIN + r"(?:[eE][+-]?\d+)?"
_MODEL = _Dialect(
    weighted=re.compile(rf"({_WITH_EXPONENT})\s*\*\s*({_NAME})"),
    number=re.compile(_WITH_EXPONENT),
    limit_number=r"(?:[+-]?\d+\.?\d*|[+-]\.\d+)(?:[eE][+-]?\d+)?",
    terms_add_up=True,
    is_scale=lambda name: "scale_" in name,
)
_CFG = _Dialect(
    weighted=re.compile(rf"({_PLAIN})\s\*\s({_NAME})"),
    number=re.compile(r"(?!)"),
    limit_number=r"[+-]?(?:\d+\.?\d*|\.\d+)",
    terms_add_up=False,
    is_scale=lambda name: name.startswith("scale"),
)
# The plus of an exponent does not separate terms.
_PLUS = re.compile(r"(?<![\d.][eE])\+")
_ASSIGNMENT = re.compile(r"([^\s=]+)\.(\w+)\s*=(.*)")
_SECTIONS = ("[ParameterTransform]", "[ParameterSets]", "[PoseConstraints]", "[Limits]")


class _LineError(Exception):
    """What is wrong with a line; `skippable` where the .cfg format's own reader would go on."""

    def __init__(self, what: str, skippable: bool = False) -> None:
        super().__init__(what)
        self.skippable = skippable


@dataclass
class _Parser:
    skeleton: Skeleton
    source: str
    dialect: _Dialect
    skip_unknown: bool
    parameters: dict[str, int] = field(default_factory=dict)
    weights: dict[int, dict[int, float]] = field(default_factory=dict)
    constants: dict[int, float] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def read_model(self, numbered: Sequence[tuple[int, str]]) -> None:
        sections: dict[str, list[tuple[int, str]]] = {name: [] for name in _SECTIONS}
        section: list[tuple[int, str]] | None = None
        for number, line in numbered:
            if line.startswith("["):
                if line not in sections:
                    raise self._error(number, f"unknown section {line}; sections are {', '.join(_SECTIONS)}")
                section = sections[line]
            elif section is None:
                raise self._error(number, f"expected a section such as {_SECTIONS[0]} before '{line}'")
            else:
                section.append((number, line))
        # Pose constraints are targets of a solver and say nothing about posing.
        readers = (self._assignment, self._parameter_set, None, self._limit)
        for name, read in zip(_SECTIONS, readers, strict=True):
            if read is not None:
                for number, line in sections[name]:
                    self._guarded(read, number, line)

    def read_cfg(self, numbered: Sequence[tuple[int, str]]) -> None:
        for number, line in numbered:
            if "limit" in line:
                self._guarded(self._limit, number, line)
            elif "parameterset" not in line:
                self._guarded(self._assignment, number, line)

    def result(self) -> ParsedParameters:
        names = tuple(self.parameters)
        scales = [name for name in names if self.dialect.is_scale(name)]
        if names[len(names) - len(scales) :] != tuple(scales):
            raise ParameterFileError(
                f"{self.source}: scale parameters must come last, but '{scales[0]}' does not."
            )
        matrix = np.zeros((7 * len(self.skeleton), len(names)))
        offsets = np.zeros(7 * len(self.skeleton))
        for row, terms in self.weights.items():
            for parameter, weight in terms.items():
                matrix[row, parameter] = weight
        for row, value in self.constants.items():
            offsets[row] = value
        if self.skipped:
            warnings.warn(f"{self.source}: passed over {'; '.join(self.skipped)}", stacklevel=4)
        return ParsedParameters(names, matrix, offsets, tuple(self.limits), len(scales))

    def _guarded(self, read: Callable[[str], None], number: int, line: str) -> None:
        try:
            read(line)
        except _LineError as error:
            if not (error.skippable and self.skip_unknown):
                raise self._error(number, str(error)) from None
            self.skipped.append(f"line {number}, {error}")

    def _error(self, number: int, what: str) -> ParameterFileError:
        return ParameterFileError(f"{self.source}, line {number}: {what}.")

    def _assignment(self, line: str) -> None:
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise _LineError(
                f"expected 'joint.channel = weight * parameter + ...', not '{line}'", skippable=True
            )
        row = self._row(match[1], match[2])
        errors = []
        for term in _PLUS.split(match[3]):
            try:
                self._term(row, term.strip())
            except _LineError as error:
                errors.append(error)
                if not self.skip_unknown:
                    break
        if errors:
            raise errors[0]

    def _term(self, row: int, term: str) -> None:
        weighted = self.dialect.weighted.fullmatch(term)
        if weighted is None:
            if self.dialect.number.fullmatch(term):
                self.constants[row] = self.constants.get(row, 0.0) + float(term)
                return
            raise _LineError(f"expected 'weight * parameter', not '{term}'", skippable=True)
        weight, name = float(weighted[1]), weighted[2]
        if "." in name:
            self._copy(row, weight, name)
        else:
            if len(self.parameters) >= MAX_PARAMETERS and name not in self.parameters:
                raise _LineError(f"'{name}' is one more than {MAX_PARAMETERS} parameters")
            self._add(row, self.parameters.setdefault(name, len(self.parameters)), weight)

    def _copy(self, row: int, weight: float, channel: str) -> None:
        if not self.dialect.terms_add_up:
            raise _LineError(
                f"the .cfg format cannot copy a channel ('{channel}'); write its terms out", skippable=True
            )
        source = self._row(*channel.rsplit(".", 1))
        if source not in self.weights and source not in self.constants:
            raise _LineError(f"'{channel}' is copied before anything drives it")
        for parameter, copied in list(self.weights.get(source, {}).items()):
            self._add(row, parameter, weight * copied)
        if source in self.constants:
            self.constants[row] = self.constants.get(row, 0.0) + weight * self.constants[source]

    def _add(self, row: int, parameter: int, weight: float) -> None:
        terms = self.weights.setdefault(row, {})
        terms[parameter] = weight + (terms.get(parameter, 0.0) if self.dialect.terms_add_up else 0.0)

    def _row(self, joint: str, channel: str) -> int:
        if joint not in self.skeleton:
            raise _LineError(f"the skeleton has no joint '{joint}'", skippable=True)
        if channel not in CHANNELS:
            raise _LineError(f"'{channel}' is not a channel; channels are {' '.join(CHANNELS)}")
        return 7 * self.skeleton.index(joint) + CHANNELS.index(channel)

    def _parameter_set(self, line: str) -> None:
        words = line.split()
        if words[0] != "parameterset" or len(words) < 2:
            raise _LineError(f"expected 'parameterset name parameter ...', not '{line}'")
        for name in words[2:]:
            self._parameter(name)

    def _parameter(self, name: str) -> str:
        if name not in self.parameters:
            raise _LineError(f"there is no parameter '{name}'", skippable=True)
        return name

    def _channel(self, name: str) -> str:
        joint, dot, channel = name.rpartition(".")
        if not dot:
            raise _LineError(f"expected joint.channel, not '{name}'", skippable=True)
        self._row(joint, channel)
        return name

    def _joint(self, name: str) -> str:
        if name not in self.skeleton:
            raise _LineError(f"the skeleton has no joint '{name}'", skippable=True)
        return name

    def _limit(self, line: str) -> None:
        values = _LimitValues(line, self.dialect.limit_number)
        if values.word("'limit'") != "limit":
            raise _LineError(f"expected 'limit target type values', not '{line}'", skippable=True)
        target, kind = values.word("a target"), values.word("a type of limit")
        readers = {
            "minmax": self._min_max,
            "minmax_passive": self._min_max,
            "linear": self._linear,
            "linearJoint": self._linear,
            "halfplane": self._half_plane,
            "ellipsoid": self._ellipsoid,
        }
        if kind not in readers or (self.dialect is _CFG and not kind.startswith("minmax")):
            known = list(readers)[: 2 if self.dialect is _CFG else None]
            raise _LineError(f"unknown type of limit '{kind}'; types are {', '.join(known)}", skippable=True)
        limit = readers[kind](target, kind, values)
        values.end()
        self.limits.append(limit)

    def _min_max(self, target: str, kind: str, values: _LimitValues) -> Limit:
        if "." in target:
            self._channel(target)
        else:
            self._parameter(target)
        lower, upper = values.vector(2)
        if lower > upper:
            raise _LineError(f"the lower limit {lower:g} lies above the upper {upper:g}")
        return MinMaxLimit(target, lower, upper, values.weight(), passive=kind == "minmax_passive")

    def _linear(self, target: str, kind: str, values: _LimitValues) -> Limit:
        check = self._parameter if kind == "linear" else self._channel
        check(target)
        source = check(values.word("what the target depends on"))
        segments: list[tuple[float, float, float | None]] = []
        while values.bracket_follows() or not segments:
            segment = values.vector(2, 3)
            upto = segment[2] if len(segment) == 3 else None
            last = segments[-1][2] if segments else -np.inf
            if last is None or (upto is not None and upto <= last):
                raise _LineError(
                    "the segments of a linear limit must rise, and only the last may be without end"
                )
            segments.append((segment[0], segment[1], upto))
        return LinearLimit(target, source, tuple(segments), values.weight())

    def _half_plane(self, target: str, kind: str, values: _LimitValues) -> Limit:
        first, second = self._parameter(target), self._parameter(values.word("a second parameter"))
        x, y = values.vector(2)
        length = float(np.hypot(x, y))
        if length == 0:
            raise _LineError("the normal of a half plane cannot be zero")
        offset = values.number("an offset")
        return HalfPlaneLimit(first, second, (x / length, y / length), offset / length, values.weight())

    def _ellipsoid(self, target: str, kind: str, values: _LimitValues) -> Limit:
        joint, offset = self._joint(target), values.triple()
        parent = self._joint(values.word("the ellipsoid's joint"))
        return EllipsoidLimit(
            joint, offset, parent, values.triple(), values.triple(), values.triple(), values.weight()
        )


class _LimitValues:
    """Takes a limit line apart, from left to right."""

    def __init__(self, line: str, number: str) -> None:
        self._rest = line
        self._number = re.compile(rf"\s*({number})(?![\w.])")
        self._vector = re.compile(rf"\s*\[\s*({number}(?:\s*,\s*{number})*)\s*\]")

    def word(self, what: str) -> str:
        return self._take(re.compile(rf"\s*({_NAME})"), what)

    def number(self, what: str) -> float:
        return float(self._take(self._number, what))

    def weight(self) -> float:
        return self.number("a weight") if self._rest.strip() else 1.0

    def vector(self, *sizes: int) -> tuple[float, ...]:
        expected = f"{' or '.join(map(str, sizes))} numbers in brackets"
        values = tuple(map(float, self._take(self._vector, expected).split(",")))
        if len(values) not in sizes:
            raise _LineError(f"expected {expected}, not {len(values)}", skippable=True)
        return values

    def triple(self) -> tuple[float, float, float]:
        x, y, z = self.vector(3)
        return x, y, z

    def bracket_follows(self) -> bool:
        return self._rest.lstrip().startswith("[")

    def end(self) -> None:
        if self._rest.strip():
            raise _LineError(f"did not expect '{self._rest.strip()}' at the end of a limit", skippable=True)

    def _take(self, pattern: re.Pattern[str], what: str) -> str:
        match = pattern.match(self._rest)
        if match is None:
            raise _LineError(f"expected {what}, not '{self._rest.strip()}'", skippable=True)
        self._rest = self._rest[match.end() :]
        return match[1]

"""Thousands of mangled inputs: an answer a user can mend, soon, and in bounded memory."""

import random
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.running.suite import load
from alframe.config.resolve import from_file, from_overrides, resolve
from alframe.errors import AlframeError
from alframe.runs.initial import stored_ids
from alframe.runs.journal import Journal
from alframe.runs.rundir import stored_layer, stored_scores
from tests.runs.test_bit_flips import reopened, run

__all__ = ["run"]

SECONDS, BYTES = 10.0, 1 << 30
WORDS = (
    b"0 -1 1e999 .nan true null ~ [] {} [[ ]] {{ }} : ? - , & * &a *a <<: !!float !!int !!binary "
    b"!!omap !!python/object:os.system | > # % @ ` ' \" \\ \\u0000 \x00 \x1b \xff \xc3\xa9 \t \r "
    b"--- ... 2001-13-45 0x 0o9 1_000 1:30 yes strategy dataset.root=x training cycle event ids "
    b"metrics seconds mAP50 crc32 finished selected PK\x03\x04 PK\x05\x06 PK\x01\x02 NUMPY"
)
LONG = (b"9" * 400, b"9" * 5000, b"[" * 2000, b'{"a":' * 2000, b"- " * 2000)
TOKENS = (*WORDS.split(b" "), *LONG, b"\n", b" ")
SEEDS = {
    "config": b"""strategy: {name: power, of: {name: entropy, aggregate: sum}}
dataset: {name: shapes, pool: 30, classes: 2}
base: &b {lr: 0.1, milestones: [1, 2]}
training:
  <<: *b
  batch_size: 4
budget: {initial: 10%, per_cycle: 2, cycles: 3}
""",
    "suite": b"""title: small
problems: {one: {settings: {dataset: shapes}, published: null}}
methods: {random: {strategy: random}, entropy: {strategy: entropy}}
seeds: [0, 1]
settings: {training: {lr: 0.1}}
costs: {image: 1.0, box: 2}
""",
    "pair": b"strategy={name: power, of: entropy, beta: 1.5}",
}


@dataclass(frozen=True)
class Target:
    """What is mangled, how it is read, and how often."""

    seed: Callable[[Path], bytes]
    read: Callable[[Path, bytes], object]
    times: int


def _stored(name: str, read: Callable[[Path], object], times: int) -> Target:
    def put(path: Path, content: bytes) -> object:
        whole = (path / name).read_bytes()
        (path / name).write_bytes(content)
        try:
            return read(path)
        finally:
            (path / name).write_bytes(whole)

    return Target(lambda path: (path / name).read_bytes(), put, times)


def _file(name: str, read: Callable[[Path], object], seed: str, times: int) -> Target:
    def put(path: Path, content: bytes) -> object:
        (path / name).write_bytes(content)
        return read(path / name)

    return Target(lambda _: SEEDS[seed], put, times)


def _pair(_: Path, content: bytes) -> object:
    return resolve([from_overrides([content.decode(errors="surrogateescape")])])


TARGETS = {
    "config": _file("mine.yaml", lambda p: resolve([from_file(str(p))]), "config", 800),
    "suite": _file("suite.yaml", lambda path: load(str(path)), "suite", 600),
    "pair": Target(lambda _: SEEDS["pair"], _pair, 800),
    "config.yaml": _stored("config.yaml", lambda p: resolve([stored_layer(p)]), 400),
    "manifest.json": _stored("manifest.json", lambda p: reopened(p).described(), 500),
    "journal.jsonl": _stored("journal.jsonl", lambda p: Journal(p), 800),
    "cycles.jsonl": _stored("cycles.jsonl", lambda p: read_runs([p]), 600),
    "initial.json": _stored("initial.json", lambda p: stored_ids(p / "initial.json"), 500),
    "scores": _stored("scores/cycle_00.npz", lambda p: stored_scores(p, 0), 400),
    "checkpoint": _stored("checkpoints/cycle_01.pt", lambda p: reopened(p).load_model(1), 300),
    "latest": _stored("checkpoints/latest.pt", lambda p: reopened(p).fit_state(2).load(), 200),
}


def mangled(content: bytes, rng: random.Random) -> bytes:
    """A few changes, of bits, words and lines; half of the times without checksums."""
    if rng.random() < 0.5:
        content = content.replace(b"crc32", b"was")
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(CHANGES)(content, rng)
    return content


def _spot(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((0, 1, 4, 20)))


def _put(content: bytes, rng: random.Random) -> bytes:
    start, end = _spot(content, rng)
    return content[:start] + rng.choice(TOKENS) + content[end:]


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\x00"
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _number(content: bytes, rng: random.Random) -> bytes:
    """Another number, or something else, in place of a number."""
    digits = [i for i, c in enumerate(content) if 48 <= c <= 57] or [0]
    at = rng.choice(digits)
    return content[:at] + rng.choice(TOKENS) + content[at + 1 :]


def _lines(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a] = lines[b] if rng.random() < 0.5 else b""
    return b"\n".join(lines)


def _repeat(content: bytes, rng: random.Random) -> bytes:
    start, end = _spot(content, rng)
    return content[:end] + content[start:end] * rng.choice((1, 3, 3000)) + content[end:]


CHANGES = (_put, _put, _flip, _cut, _number, _number, _lines, _repeat)


def answers(target: Target, path: Path, rng: random.Random) -> Iterator[tuple[str, float]]:
    """How each mangled input was answered, and in how many seconds."""
    seed = target.seed(path)
    for _ in range(target.times):
        content = mangled(seed, rng)
        began = time.monotonic()
        try:
            target.read(path, content)
            answer = "read"
        except AlframeError:
            answer = "refused"
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} of {content[:2000]!r}") from error
        yield answer, time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_mangled_inputs_are_answered(run: Path, tmp_path: Path, name: str) -> None:
    path = Path(shutil.copytree(run, tmp_path / "run"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = list(answers(TARGETS[name], path, random.Random(name)))
    counts, longest = Counter(answer for answer, _ in found), max(seconds for _, seconds in found)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(f"{name}: {dict(counts)}, at most {longest:.2f} s, {grown >> 20} MiB")  # noqa: T201
    assert sum(counts.values()) == TARGETS[name].times
    assert longest < SECONDS
    assert grown < BYTES


def test_there_are_enough() -> None:
    assert sum(target.times for target in TARGETS.values()) >= 5_000

"""Two things that Langfuse leaves to ClickHouse, and that its answers therefore carry. Pure.

The order of rows that sort equal is the order of cells in ClickHouse's hash tables. Clients have seen that
order, and recordings hold it, so equal rows stand the same way here. Sources: ClickHouse's `StringHashMap.h`
(one text key), `Hash.h` (CRC32-C of serialized keys) and `AggregateFunctionHistogram.h`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import pairwise

_MASK = 0xFFFFFFFF
_CELLS = 256  # of a new hash table; more groups than fit half of it are ordered otherwise there
_LONG = 24  # bytes up to which a text key lives in a table for its length


def _table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0x82F63B78 if value & 1 else value >> 1
        table.append(value)
    return table


_CRC = _table()


def _crc32c(words: Sequence[bytes]) -> int:
    value = _MASK
    for word in words:
        for byte in word:
            value = _CRC[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


def cell(keys: Sequence[object]) -> tuple[int, int]:
    """Where a group with these keys lies: table and cell. None is NULL; times are seconds as int."""
    if len(keys) == 1:
        key = keys[0]
        if key is None:
            return (-1, 0)
        return _text_cell(key if isinstance(key, str) else str(key))
    serialized = b"".join(map(_serialized, keys))
    if len(serialized) < 8:
        return (0, -1)
    # Whole words from the start, then the last eight bytes, which may overlap.
    words = [serialized[at : at + 8] for at in range(0, len(serialized) - 8, 8)] or [serialized[:8]]
    return (0, _crc32c([*words, serialized[-8:]]) % _CELLS)


def _text_cell(text: str) -> tuple[int, int]:
    raw = text.encode()
    if not raw:
        return (0, 0)
    if len(raw) > _LONG:
        return (4, _crc32c([raw[at : at + 8] for at in range(0, len(raw) - 8, 8)] + [raw[-8:]]) % _CELLS)
    words = -(-len(raw) // 8)
    padded = raw.ljust(words * 8, b"\0")
    return (words, _crc32c([padded]) % _CELLS)


def _serialized(key: object) -> bytes:
    if key is None:
        return b"\1"
    if isinstance(key, bool):
        return bytes([key])
    if isinstance(key, int):
        return (key & _MASK).to_bytes(4, "little")
    raw = str(key).encode() + b"\0"
    return len(raw).to_bytes(8, "little") + raw


def histogram(counts: Mapping[float, int], bins: int) -> list[list[float]]:
    """`[lower, upper, weight]` per bin: the closest neighbours are fused until `bins` are left.

    An eighth of the difference to each neighbour moves between two bins, which smooths the weights.
    """
    points = [(value, float(weight)) for value, weight in sorted(counts.items())]
    if not points:
        return []
    lower, upper = points[0][0], points[-1][0]
    points = _fused(points, bins)
    edges = [lower, *((a[0] + b[0]) / 2 for a, b in pairwise(points)), upper]
    weights = [weight for _, weight in points]
    smooth: list[list[float]] = []
    for index, weight in enumerate(weights):
        neighbours = weights[max(0, index - 1) : index] + weights[index + 1 : index + 2]
        moved = sum((other - weight) / 8 for other in neighbours)
        smooth.append([edges[index], edges[index + 1], weight + moved])
    return smooth


def _fused(points: list[tuple[float, float]], bins: int) -> list[tuple[float, float]]:
    left = len(points)
    after: list[int | None] = [*range(1, left), None]
    before: list[int | None] = [None, *range(left - 1)]
    alive = [True] * left
    waiting = [(points[i + 1][0] - points[i][0], i) for i in range(left - 1)]
    heapq.heapify(waiting)
    while left > bins and waiting:
        distance, i = heapq.heappop(waiting)
        j = after[i]
        if not alive[i] or j is None or points[j][0] - points[i][0] != distance:
            continue
        (mean, weight), (other, extra) = points[i], points[j]
        points[i] = (mean + extra * (other - mean) / (weight + extra), weight + extra)
        alive[j] = False
        after[i] = following = after[j]
        if following is not None:
            before[following] = i
            heapq.heappush(waiting, (points[following][0] - points[i][0], i))
        previous = before[i]
        if previous is not None:
            heapq.heappush(waiting, (points[i][0] - points[previous][0], previous))
        left -= 1
    return [point for point, lives in zip(points, alive, strict=True) if lives]

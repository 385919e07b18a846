"""How a group of pages is packed: which algorithm, at which level, with which dictionary.

A packer takes plain bytes and answers with the algorithm and what to send. `FixedLevel` always
uses the same; `course.dwcp.encoding.choice` has one that learns. Pass one of your own to
`Encoder(packer=...)`: whatever it does, the frame says how to undo it, and the decoder checks.

LZ4 (the block format of lz4.org) is fast and saves less; Zstandard is RFC 8878.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import lz4.block
import zstandard

from course.dwcp.encoding.frame import SIZE_MAX, Algorithm, IntegrityError
from course.dwcp.encoding.zstd import LEVEL_DEFAULT, compressor, decompressor

LEVEL_MAX = 19
Dictionary = zstandard.ZstdCompressionDict


class Packer(Protocol):
    """`dictionary_id` is that of the dictionary it uses, 0 for none."""

    dictionary_id: int

    def pack(self, plain: bytes) -> tuple[Algorithm, bytes]: ...


class FixedLevel:
    """Zstandard at one level, with a dictionary or without."""

    def __init__(
        self,
        level: int = LEVEL_DEFAULT,
        dictionary: Dictionary | None = None,
    ) -> None:
        self.dictionary_id = dictionary.dict_id() if dictionary else 0
        self._algorithm = Algorithm.ZSTD_MAX if level == LEVEL_MAX else Algorithm.ZSTD
        self._compressor = compressor(level, dictionary)

    def pack(self, plain: bytes) -> tuple[Algorithm, bytes]:
        return self._algorithm, self._compressor.compress(plain)


class Codecs:
    """Packs with any algorithm; a compressor of each level is kept, because making one is slow."""

    def __init__(self) -> None:
        self._levels: dict[int, Any] = {}

    def pack(self, algorithm: Algorithm, level: int, plain: bytes) -> bytes:
        if algorithm is Algorithm.NONE:
            return plain
        if algorithm is Algorithm.LZ4:
            return lz4.block.compress(plain, store_size=False)
        if level not in self._levels:
            self._levels[level] = compressor(level)
        return self._levels[level].compress(plain)


class Unpacker:
    """The receiver's half. Knows at most two dictionaries: the one in use and the one to come."""

    def __init__(self, dictionaries: Iterable[Dictionary] = ()) -> None:
        known = {dictionary.dict_id(): dictionary for dictionary in dictionaries}
        if len(known) > 2:
            raise ValueError(f"{len(known)} dictionaries are live; at most two versions may be")
        self._zstd = {0: decompressor(), **{i: decompressor(d) for i, d in known.items()}}

    def unpack(self, algorithm: Algorithm, size: int, packed: bytes, dictionary_id: int) -> bytes:
        """`size` plain bytes, or IntegrityError. Nothing larger is ever allocated."""
        if not 0 <= size <= SIZE_MAX:
            raise IntegrityError(f"{size} bytes in one frame; the most is {SIZE_MAX}")
        unpack: Callable[[], bytes] = {
            Algorithm.NONE: lambda: packed,
            Algorithm.LZ4: lambda: _lz4(packed, size),
        }.get(algorithm, lambda: self._unzstd(packed, size, dictionary_id))
        plain = unpack()
        if len(plain) != size:
            raise IntegrityError(f"{len(plain)} plain bytes arrived, the header says {size}")
        return plain

    def _unzstd(self, packed: bytes, size: int, dictionary_id: int) -> bytes:
        if dictionary_id not in self._zstd:
            raise IntegrityError(
                f"the frame needs dictionary {dictionary_id}, this end has "
                f"{max(self._zstd)}: deploy it everywhere before it is used"
            )
        try:
            # The payload states its own size too, and decompress() would allocate whatever it says.
            stated = zstandard.frame_content_size(packed)
            if stated != size:
                raise IntegrityError(
                    f"{stated} plain bytes are not the {size} that the header says"
                )
            return self._zstd[dictionary_id].decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise IntegrityError(f"the payload does not decompress: {error}") from None


def _lz4(packed: bytes, size: int) -> bytes:
    try:
        return lz4.block.decompress(packed, uncompressed_size=size)
    except (lz4.block.LZ4BlockError, ValueError, OverflowError) as error:
        raise IntegrityError(f"the payload does not decompress: {error}") from None

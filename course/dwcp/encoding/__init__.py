"""HDE, Hierarchical Delta Encoding: the fewest bytes that carry a memory image.

Four levels, each taking what the one before could not: a zero page is a range, a block that the
receiver holds is a reference, a page that changed a little is an XOR with what was sent before,
and the rest is compressed in groups. Decoding gives back the image exactly, or says why not.

Reading order: blocks, dedup, delta, zstd, frame, encoder, decoder.
"""

from course.dwcp.encoding.blocks import block_hash, is_zero, pages_of
from course.dwcp.encoding.decoder import Decoder
from course.dwcp.encoding.encoder import Encoder, Settings
from course.dwcp.encoding.frame import Frame, FrameType, IntegrityError, Stats, wire_reduction
from course.dwcp.encoding.zstd import compression_ratio, level_for_link, train_dictionary

__all__ = [
    "Decoder",
    "Encoder",
    "Frame",
    "FrameType",
    "IntegrityError",
    "Settings",
    "Stats",
    "block_hash",
    "compression_ratio",
    "is_zero",
    "level_for_link",
    "pages_of",
    "train_dictionary",
    "wire_reduction",
]

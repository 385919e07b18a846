"""HDE, Hierarchical Delta Encoding: the fewest bytes that carry a memory image.

Four levels, each taking what the one before could not: a zero page is a range, a block that the
receiver holds is a reference, a page that changed a little is an XOR with what was sent before,
and the rest is compressed in groups. Decoding gives back the image exactly, or says why not.

Reading order: blocks, dedup (and summary), delta, zstd, codec, frame, encoder, decoder. Then what
stands beside the path of a page: choice and classifier (which algorithm), dictionaries (how a
version is brought out), baselines and matching (deltas outside a migration).
"""

from course.dwcp.encoding.baselines import Baselines
from course.dwcp.encoding.blocks import block_hash, is_zero, pages_of
from course.dwcp.encoding.choice import Chooser, by_rule, content_of
from course.dwcp.encoding.codec import FixedLevel, Packer
from course.dwcp.encoding.decoder import Decoder, MissingBlock
from course.dwcp.encoding.dedup import BlockStore, KnownBlocks
from course.dwcp.encoding.encoder import Encoder, Settings
from course.dwcp.encoding.frame import Frame, FrameType, IntegrityError, Stats, wire_reduction
from course.dwcp.encoding.summary import Summary
from course.dwcp.encoding.zstd import compression_ratio, level_for_link, train_dictionary

__all__ = [
    "Baselines",
    "BlockStore",
    "Chooser",
    "Decoder",
    "Encoder",
    "FixedLevel",
    "Frame",
    "FrameType",
    "IntegrityError",
    "KnownBlocks",
    "MissingBlock",
    "Packer",
    "Settings",
    "Stats",
    "Summary",
    "block_hash",
    "by_rule",
    "compression_ratio",
    "content_of",
    "is_zero",
    "level_for_link",
    "pages_of",
    "train_dictionary",
    "wire_reduction",
]

"""Chunks and acks on the wire: what is sent is read, and nothing else is believed."""

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.dwcp.transport.wire import (
    ACK_HEADER,
    AGAIN,
    CHUNK_HEADER,
    CHUNK_MAX,
    END,
    HELLO,
    RANGES_MAX,
    RESULT,
    Ack,
    AckReader,
    Chunk,
    ChunkReader,
    Outcome,
    Result,
    WireError,
    encode_ack,
    encode_chunk,
    end,
    hello,
    read_end,
    read_hello,
)  # fmt: skip

TRANSFER = bytes(range(16))
chunks = st.builds(
    Chunk,
    st.integers(0, 2**32 - 1),
    st.binary(min_size=1, max_size=300),
    st.sampled_from((0, AGAIN)),
)


@st.composite
def acks(draw):
    cumulative = draw(st.integers(0, 1_000))
    edges = draw(st.lists(st.integers(cumulative + 1, 9_999), unique=True, max_size=2 * RANGES_MAX))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    ranges = tuple(zip(edges[::2], edges[1::2], strict=True))
    outcome = draw(st.sampled_from(Outcome))
    ended = outcome in (Outcome.COMPLETE, Outcome.DAMAGED)
    result = Result(draw(st.integers(0, 2**60)), draw(st.binary(min_size=32, max_size=32)))
    window = draw(st.integers(0, 2**32 - 1))
    return Ack(TRANSFER, cumulative, window, ranges, outcome, result if ended else None)


def pieces(data, dice):
    """The bytes as a network hands them out."""
    while data:
        size = dice.randint(1, 40)
        yield data[:size]
        data = data[size:]


@given(st.lists(chunks, max_size=6), st.randoms(use_true_random=False))
def test_chunks_are_read_however_the_bytes_are_cut(sent, dice):
    reader = ChunkReader()
    data = b"".join(encode_chunk(chunk) for chunk in sent)
    assert [chunk for piece in pieces(data, dice) for chunk in reader.feed(piece)] == sent
    assert ChunkReader().feed(data) == sent


@given(st.lists(acks(), max_size=4), st.randoms(use_true_random=False))
def test_acks_are_read_however_the_bytes_are_cut(sent, dice):
    reader = AckReader()
    data = b"".join(encode_ack(ack) for ack in sent)
    assert [ack for piece in pieces(data, dice) for ack in reader.feed(piece)] == sent


def test_the_largest_chunk_fits_the_readers_memory_again_and_again():
    reader, payload = ChunkReader(), random.Random(1).randbytes(CHUNK_MAX)
    for sequence in range(3):
        assert reader.feed(encode_chunk(Chunk(sequence, payload))) == [Chunk(sequence, payload)]


@given(chunks, st.data())
def test_no_flipped_bit_of_a_chunk_gets_through(chunk, data):
    honest = encode_chunk(chunk)
    place = data.draw(st.integers(0, 8 * len(honest) - 1))
    bent = bytearray(honest)
    bent[place // 8] ^= 1 << place % 8
    with contextlib.suppress(WireError):  # or it waits for a payload that is longer
        assert ChunkReader().feed(bytes(bent)) == []


@given(acks(), st.data())
def test_no_flipped_bit_of_an_ack_gets_through(ack, data):
    honest = encode_ack(ack)
    place = data.draw(st.integers(0, 8 * len(honest) - 1))
    bent = bytearray(honest)
    bent[place // 8] ^= 1 << place % 8
    with contextlib.suppress(WireError):
        assert AckReader().feed(bytes(bent)) == []


@given(st.binary(max_size=400))
def test_rubbish_raises_wire_errors_only(data):
    for reader in (ChunkReader(), AckReader()):
        with contextlib.suppress(WireError):
            reader.feed(data)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((0, CHUNK_MAX + 1, 0, 0), "a chunk of 524,289 bytes"),
        ((0, 2**32 - 1, 0, 0), "this end takes 1 to 524,288"),
        ((0, 0, 0, 0), "a chunk of 0 bytes"),
        ((0, 10, 0x80, 0), "which mean nothing"),
        ((0, 40, HELLO | END, 0), "which mean nothing"),
        ((0, 41, END, 0), "the last chunk has 40 bytes"),
        ((7, 3, 0, 99), "chunk 7 is damaged"),
    ],
)
def test_an_absurd_chunk_is_refused_in_words_before_it_is_waited_for(fields, words):
    with pytest.raises(WireError, match=words):
        ChunkReader().feed(CHUNK_HEADER.pack(*fields) + b"abc" * (fields[1] == 3))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((TRANSFER, 0, 0, 0, RANGES_MAX + 1, 0), "33 ranges; 32 are the most"),
        ((TRANSFER, 0, 0, 9, 0, 0), "outcome 9"),
        ((TRANSFER, 0, 0, 0, 0, 1), "an ack is damaged"),
    ],
)
def test_an_absurd_ack_is_refused_in_words(fields, words):
    with pytest.raises(WireError, match=words):
        AckReader().feed(ACK_HEADER.pack(*fields))


def test_ranges_that_overlap_or_go_backwards_are_refused_although_the_sum_fits():
    for ranges in (((5, 7), (6, 9)), ((5, 5),), ((9, 12), (3, 4)), ((0, 2),)):
        with pytest.raises(WireError, match="not in order"):
            AckReader().feed(encode_ack(Ack(TRANSFER, 2, 0, ranges)))


def test_hello_and_end_say_what_they_were_given():
    assert read_hello(hello(TRANSFER, 5)) == (TRANSFER, 5)
    result = Result(123, bytes(32))
    assert read_end(end(9, result)) == result
    assert RESULT.size == 40


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (Chunk(0, b"x" * 17), "starts with a hello"),
        (Chunk(0, b"x", HELLO), "starts with a hello"),
        (Chunk(0, b"\x02" + TRANSFER, HELLO), "version 2; this end speaks version 3"),
    ],
)
def test_a_connection_that_does_not_say_hello_is_refused(chunk, words):
    with pytest.raises(WireError, match=words):
        read_hello(chunk)


def test_misuse_says_what_is_wrong():
    with pytest.raises(ValueError, match="16 bytes, not 3"):
        hello(b"abc", 0)
    with pytest.raises(ValueError, match="at most 32 ranges"):
        encode_ack(Ack(TRANSFER, 0, 0, tuple((3 * i + 1, 3 * i + 2) for i in range(33))))
    with pytest.raises(ValueError, match="no chunk"):
        encode_chunk(Chunk(2**32, b"x"))

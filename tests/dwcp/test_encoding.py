import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.encoding import (
    Decoder,
    Encoder,
    Frame,
    IntegrityError,
    Settings,
    block_hash,
    level_for_link,
    pages_of,
    train_dictionary,
    wire_reduction,
)
from course.dwcp.encoding.decoder import MissingBlock
from course.dwcp.encoding.frame import HEADER
from course.dwcp.units import PAGE_SIZE

page = st.one_of(
    st.just(bytes(PAGE_SIZE)),
    st.binary(min_size=1, max_size=1).map(lambda b: b * PAGE_SIZE),
    st.integers(0, 5).map(lambda seed: random.Random(seed).randbytes(PAGE_SIZE)),
    st.text("ab \n", min_size=1, max_size=40).map(
        lambda t: (t.encode() * PAGE_SIZE)[:PAGE_SIZE],
    ),
)
images = st.lists(page, min_size=1, max_size=24).map(b"".join)


def carry(encoder, decoder, pages):
    """Every frame goes over the wire as bytes, and is acknowledged at once."""
    for frame in encoder.encode(pages):
        encoder.acknowledge(decoder.apply([Frame.from_bytes(frame.to_bytes())]))


@given(images, st.sampled_from([1, 3, 5, 9]), st.sampled_from([1, 4096, 65536]), st.booleans())
def test_what_arrives_is_what_was_sent(image, level, group_size, dedup):
    arrived = bytearray(len(image))
    carry(
        Encoder(Settings(level=level, group_size=group_size, dedup=dedup)),
        Decoder(arrived),
        pages_of(image),
    )
    assert arrived == image


@given(images, st.lists(st.tuples(st.integers(0, 23), page), max_size=30), st.randoms())
def test_every_later_round_is_exact_whenever_it_is_acknowledged(image, writes, dice):
    arrived, encoder = bytearray(len(image)), Encoder()
    decoder, current = Decoder(arrived), bytearray(image)
    pages = list(pages_of(image))
    for number, content in [(0, pages[0][1]), *writes]:
        waiting = []
        for frame in encoder.encode(pages):
            waiting += decoder.apply([frame])
            if dice.random() < 0.5:
                encoder.acknowledge(waiting)
                waiting = []
        if dice.random() < 0.8:
            encoder.acknowledge(waiting)
        assert arrived == current
        number %= len(image) // PAGE_SIZE
        current[number * PAGE_SIZE : (number + 1) * PAGE_SIZE] = content
        pages = [(number, content)]


@given(images, st.integers(0), st.integers(0, 7))
@settings(max_examples=150)
def test_a_flipped_bit_is_noticed_or_does_no_harm(image, place, bit):
    arrived = bytearray(len(image))
    stream = [bytearray(f.to_bytes()) for f in Encoder().encode(pages_of(image))]
    place %= sum(len(frame) for frame in stream)
    for frame in stream:
        if place < len(frame):
            frame[place] ^= 1 << bit
            break
        place -= len(frame)
    try:
        Decoder(arrived).apply([Frame.from_bytes(bytes(frame)) for frame in stream])
    except IntegrityError:
        return
    assert arrived == image


def test_every_flipped_bit_of_a_small_transfer_raises_integrity_errors_only():
    """Zstandard's own header is among them: it states a size, and a liar states terabytes."""
    image = b"a" * PAGE_SIZE
    frames = [frame.to_bytes() for frame in Encoder().encode(pages_of(image))]
    for which, frame in enumerate(frames):
        for place in range(8 * len(frame)):
            flipped = bytearray(frame)
            flipped[place // 8] ^= 1 << place % 8
            stream = [*frames[:which], bytes(flipped), *frames[which + 1 :]]
            arrived = bytearray(len(image))
            with contextlib.suppress(IntegrityError):
                Decoder(arrived).apply([Frame.from_bytes(data) for data in stream])
                assert arrived == image


@given(st.binary(max_size=200))
def test_rubbish_from_the_network_raises_integrity_errors_only(data):
    with contextlib.suppress(IntegrityError):
        Decoder(bytearray(8 * PAGE_SIZE)).apply([Frame.from_bytes(data)])


@given(st.binary(min_size=HEADER.size, max_size=200))
def test_rubbish_behind_an_honest_version_byte_raises_integrity_errors_only(data):
    data = b"\x03" + data[1:8] + (len(data) - HEADER.size).to_bytes(4, "big") + data[12:]
    with contextlib.suppress(IntegrityError):
        Decoder(bytearray(8 * PAGE_SIZE)).apply([Frame.from_bytes(data)])


def test_a_block_twice_is_sent_twice_until_the_receiver_confirms_it():
    block = random.Random(1).randbytes(PAGE_SIZE)
    pages = [(0, block), (40, block)]
    unconfirmed, confirmed = Encoder(), Encoder(known=[block_hash(block)])
    list(unconfirmed.encode(pages))
    list(confirmed.encode(pages))
    assert (unconfirmed.stats.references, confirmed.stats.references) == (0, 2)


def test_a_sender_that_believes_wrongly_is_asked_again_and_nothing_is_lost():
    image = random.Random(2).randbytes(64 * PAGE_SIZE)
    encoder = Encoder(known=[block_hash(p) for _, p in pages_of(image)])
    arrived = bytearray(len(image))
    decoder = Decoder(arrived)
    with pytest.raises(MissingBlock) as missing:
        decoder.apply(encoder.encode(pages_of(image)))
    encoder.resend(missing.value.digests)
    carry(encoder, decoder, pages_of(image))
    assert arrived == image


def test_a_frame_of_another_dictionary_is_refused_by_its_number():
    text = [(b"line %d of a log\n" % i * 300)[:PAGE_SIZE] for i in range(200)]
    dictionary = train_dictionary(text, size=8_192)
    frames = list(Encoder(dictionary=dictionary).encode(enumerate(text)))
    with pytest.raises(IntegrityError, match="deploy it everywhere"):
        Decoder(bytearray(200 * PAGE_SIZE)).apply(frames)
    arrived = bytearray(200 * PAGE_SIZE)
    Decoder(arrived, dictionary=dictionary).apply(frames)
    assert arrived == b"".join(text)


def test_a_small_change_costs_a_small_delta():
    image = bytearray(random.Random(3).randbytes(32 * PAGE_SIZE))
    encoder, decoder = Encoder(), Decoder(bytearray(len(image)))
    carry(encoder, decoder, pages_of(image))
    before = encoder.stats.wire_bytes
    image[100:164] = bytes(64)
    carry(encoder, decoder, [(0, bytes(image[:PAGE_SIZE]))])
    assert encoder.stats.deltas == 1
    assert encoder.stats.wire_bytes - before < PAGE_SIZE / 8


@pytest.mark.parametrize(
    ("pages", "words"),
    [([(0, b"short")], "has 5 bytes"), ([(1, bytes(4096)), (0, bytes(4096))], "rising order")],
)
def test_misuse_says_what_is_wrong(pages, words):
    with pytest.raises(ValueError, match=words):
        list(Encoder().encode(pages))


def test_levels_follow_the_published_borders():
    assert [level_for_link(m) for m in (26, 28, 159, 161, 599, 601, 1_599)] == [
        19, 9, 9, 5, 5, 3, 3,
    ]  # fmt: skip


@given(st.floats(0, 1), st.floats(0, 1))
def test_wire_reduction_is_never_less_than_either_part(dedup, ratio):
    assert wire_reduction(dedup, ratio) >= max(dedup, ratio) - 1e-9

"""HDE beside the path of a page: what is known, which algorithm, dictionaries, baselines."""

import contextlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.dwcp.encoding import (
    Baselines,
    BlockStore,
    Chooser,
    Decoder,
    Encoder,
    FixedLevel,
    Frame,
    IntegrityError,
    KnownBlocks,
    MissingBlock,
    Settings,
    Summary,
    block_hash,
    by_rule,
    classifier,
    content_of,
    matching,
    pages_of,
    train_dictionary,
)  # fmt: skip
from course.dwcp.encoding import choice as choosing
from course.dwcp.encoding.choice import LZ4, NONE, PLANNED, features, next_level
from course.dwcp.encoding.codec import Codecs, Unpacker
from course.dwcp.encoding.dictionaries import Versions
from course.dwcp.encoding.frame import Algorithm
from course.dwcp.mode import Mode
from course.dwcp.units import MINUTE, PAGE_SIZE

DICE = random.Random(7)
RANDOM = DICE.randbytes(65_536)
TEXT = b"".join(b"%d: the quick brown fox, line %d\n" % (i, i * 7) for i in range(2_500))[:65_536]
MIXED = b"".join(DICE.randbytes(2_048) + bytes(2_048) for _ in range(16))


def send(encoder, decoder, pages):
    """A round over the wire, with as many resends as the receiver asks for."""
    waiting = list(encoder.encode(pages))
    for _ in range(5):
        try:
            for frame in waiting:
                encoder.acknowledge(decoder.apply([Frame.from_bytes(frame.to_bytes())]))
            return
        except MissingBlock as missing:
            waiting = encoder.resend(missing.digests)
    raise AssertionError("five resends were not enough")


class Rotating:
    """A packer of a learner: another algorithm for every group."""

    dictionary_id = 0

    def __init__(self):
        self.codecs, self.turn = Codecs(), 0

    def pack(self, plain):
        self.turn += 1
        algorithm = list(Algorithm)[self.turn % len(Algorithm)]
        level = 19 if algorithm is Algorithm.ZSTD_MAX else 3
        return algorithm, self.codecs.pack(algorithm, level, plain)


@given(st.lists(st.sampled_from([RANDOM, TEXT, MIXED, bytes(65_536)]), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_any_packer_gives_back_the_image_exactly(parts):
    image = b"".join(parts)
    for packer in (Rotating(), Chooser(100, random.Random(1)), FixedLevel(1)):
        arrived = bytearray(len(image))
        send(Encoder(packer=packer), Decoder(arrived), pages_of(image))
        assert arrived == image


@given(st.sampled_from(list(Algorithm)), st.binary(max_size=300), st.integers(-1, 1 << 33))
def test_rubbish_does_not_unpack_whatever_size_it_claims(algorithm, packed, size):
    with contextlib.suppress(IntegrityError):
        assert len(Unpacker().unpack(algorithm, size, packed, 0)) == size


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60), st.integers(1, 6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_small_indexes_and_late_acknowledgements_cost_bytes_and_never_a_page(writes, room, dice):
    """The receiver forgets blocks that the sender counts on; answers come rounds later."""
    image = bytearray(random.Random(5).randbytes(16 * PAGE_SIZE))
    decoder = Decoder(bytearray(len(image)), BlockStore(capacity=room))
    encoder = Encoder(known=KnownBlocks(capacity=8))
    late, pages = [], list(pages_of(image))
    for write in [0, *writes]:
        frames = list(encoder.encode(pages))
        for _ in range(3):
            try:
                for frame in frames:
                    late += decoder.apply([frame])
                break
            except MissingBlock as missing:
                frames = encoder.resend(missing.digests)
        assert decoder.image == image
        if dice.random() < 0.5:
            encoder.acknowledge(late)
            late = []
        other = dice.randrange(16)
        start, source = write * PAGE_SIZE, other * PAGE_SIZE
        image[start : start + PAGE_SIZE] = image[source : source + PAGE_SIZE]
        image[start] ^= dice.choice((0, 1))
        pages = [(write, bytes(image[start : start + PAGE_SIZE]))]


def test_an_acknowledgement_of_an_earlier_version_is_no_base_for_a_delta():
    first, second = bytes(RANDOM[:PAGE_SIZE]), bytes(RANDOM[PAGE_SIZE : 2 * PAGE_SIZE])
    third = second[:-8] + bytes(8)
    decoder, encoder = Decoder(bytearray(PAGE_SIZE)), Encoder()
    late = decoder.apply(encoder.encode([(0, first)]))
    decoder.apply(encoder.encode([(0, second)]))
    encoder.acknowledge(late)
    decoder.apply(encoder.encode([(0, third)]))
    assert decoder.image == third


def test_only_the_pages_that_were_missing_are_sent_again():
    image = DICE.randbytes(40 * PAGE_SIZE)
    hashes = [block_hash(page) for _, page in pages_of(image)]
    decoder = Decoder(
        bytearray(len(image)),
        {h: p for h, (_, p) in zip(hashes[:37], pages_of(image), strict=False)},
    )
    encoder = Encoder(known=hashes)
    with pytest.raises(MissingBlock) as missing:
        decoder.apply(encoder.encode(pages_of(image)))
    assert missing.value.digests == hashes[37:]
    again = encoder.resend(missing.value.digests)
    assert sum(frame.count for frame in again[:-1]) == 3
    decoder.apply(again)
    assert decoder.image == image


def test_a_summary_finds_all_that_is_there_and_is_wrong_for_one_in_a_hundred():
    there = [block_hash(b"%d" % i) for i in range(20_000)]
    summary = Summary.from_bytes(Summary.of(there).to_bytes())
    assert all(digest in summary for digest in there)
    wrong = sum(block_hash(b"not %d" % i) in summary for i in range(20_000)) / 20_000
    assert 0.003 < wrong < 0.02
    assert len(summary.to_bytes()) == 25_000, "10 bits a block"


def test_a_summary_of_the_receiver_spares_what_it_holds_and_its_errors_are_made_good():
    image = DICE.randbytes(3_000 * PAGE_SIZE)
    store = BlockStore()
    for _, page in list(pages_of(image))[:1_500]:
        store[block_hash(page)] = page
    known = KnownBlocks(summary=store.summary())
    encoder, decoder = Encoder(known=known), Decoder(bytearray(len(image)), store)
    send(encoder, decoder, pages_of(image))
    assert decoder.image == image
    assert 1_500 <= encoder.stats.references <= 1_560


def test_a_round_is_not_over_while_a_block_is_missing():
    decoder = Decoder(bytearray(PAGE_SIZE))
    encoder = Encoder(known=[block_hash(RANDOM[:PAGE_SIZE])])
    frames = list(encoder.encode([(0, RANDOM[:PAGE_SIZE])]))
    for _ in range(3):
        with pytest.raises(MissingBlock):
            decoder.apply(frames[-1:] if decoder._missing else frames)


def test_device_state_travels_beside_the_pages():
    decoder, encoder = Decoder(bytearray(PAGE_SIZE)), Encoder()
    decoder.apply([Frame.from_bytes(encoder.device_state(TEXT).to_bytes())])
    assert decoder.device_state == TEXT


@pytest.mark.parametrize(
    ("block", "mode", "algorithm"),
    [
        (b"x" * 512, Mode.INTERNET, "NONE"),
        (RANDOM, Mode.INTERNET, "NONE"),
        (TEXT, Mode.DATACENTER, "LZ4"),
        (TEXT * 2, Mode.DATACENTER, "ZSTD"),
        (TEXT, Mode.INTERNET, "ZSTD_MAX"),
        (MIXED, Mode.INTERNET, "ZSTD_MAX"),
    ],
)
def test_the_table_of_rules(block, mode, algorithm):
    assert by_rule(content_of(block), mode).algorithm.name == algorithm


def test_a_sample_is_spread_because_the_front_says_little():
    headed = bytes(256) + RANDOM[256:]
    assert content_of(headed).entropy > 0.85
    front = content_of(RANDOM[:256]).entropy
    assert 0.87 < front < 0.93, "256 random bytes cannot show an entropy of 1"


def test_the_best_choice_depends_on_the_link():
    best = [Chooser(m, random.Random(1)).best("other") for m in (20, 300, 2_000, 50_000)]
    assert best == [choosing.HIGH, choosing.BALANCED, LZ4, NONE]


def test_what_is_measured_overrules_what_was_planned():
    """Here LZ4 turns out to be ten times as fast as planned, and Zstandard slower."""
    times = {}

    class Clock:
        now = 0

        def __call__(self):
            return self.now

    clock = Clock()
    chooser = Chooser(2_000, random.Random(3), stopwatch=clock)
    honest = chooser._codecs.pack

    def pack(algorithm, level, plain):
        clock.now += 13 if algorithm is Algorithm.LZ4 else 2_000
        times[algorithm] = times.get(algorithm, 0) + 1
        return honest(algorithm, level, plain)

    chooser._codecs.pack = pack
    for _ in range(600):
        chooser.pack(TEXT)
    assert chooser.best("text") == LZ4
    assert len(times) >= 3, "it tries the others now and then"


def test_without_a_stopwatch_a_choice_replays():
    runs = []
    for _ in range(2):
        chooser = Chooser(150, random.Random(11))
        runs.append([chooser.pack(block) for block in (TEXT, MIXED, RANDOM) * 20])
    assert runs[0] == runs[1]


def test_the_published_score_takes_the_fastest_whatever_the_link():
    """Why it is not built: mean factor x mean speed knows no link."""
    scores = {c: a.factor * a.speed_mb_s for c, a in PLANNED.items() if c != NONE}
    assert max(scores, key=scores.get) == LZ4
    assert Chooser(20, random.Random(1)).best("other") != LZ4


def groups_of_many_links(seed, rows):
    """Features, the seconds of each choice, and the best one, from the planned speeds."""
    dice = np.random.default_rng(seed)
    choices = list(PLANNED)
    x, times = [], []
    for _ in range(rows):
        block = (TEXT, MIXED, RANDOM)[dice.integers(3)][: int(dice.integers(4_096, 65_536))]
        link, content = float(10 ** dice.uniform(1, 4)), content_of(block)
        packs = 0.05 if content.kind == "random" else 1.0
        x.append(features(content, link, 0.5))
        row = []
        for choice in choices:
            plan = PLANNED[choice]
            factor = 1 + (plan.factor - 1) * packs
            row.append(choosing.Average(plan.speed_mb_s, factor).seconds_per_mb(link))
        times.append(row)
    times = np.array(times)
    return np.array(x), times, times.argmin(axis=1)


def test_a_classifier_learns_the_border_from_other_links_and_is_held_to_its_bar():
    x, _, labels = groups_of_many_links(1, 1_500)
    model = classifier.fit(x, labels, classes=len(PLANNED))
    fresh, fresh_times, _ = groups_of_many_links(2, 500)
    assert classifier.accepted(model.predict(fresh), fresh_times)
    assert not classifier.accepted(np.zeros(len(fresh), int), fresh_times), "always none is worse"


def test_levels_move_a_step_at_a_time_and_give_way_to_a_busy_processor():
    assert next_level(5, 2.0, 2.5, 0.6, 20) == 9
    assert next_level(9, 4.0, 2.5, 0.6, 20) == 5
    assert next_level(9, 2.0, 2.5, 0.6, 150) == 5
    assert next_level(9, 2.0, 2.5, 0.1, 20) == 1
    assert next_level(9, 1.05, 2.5, 0.6, 20) == 0


def test_a_dictionary_is_used_only_when_every_worker_has_it():
    text = [TEXT[i : i + 512] for i in range(0, 60_000, 512)]
    one, two = train_dictionary(text, size=4_096), train_dictionary(text[::2], size=4_096)
    versions = Versions(("w1", "w2")).deploy(one).confirm("w1")
    with pytest.raises(RuntimeError, match="not confirmed by w2"):
        versions.activate()
    versions = versions.confirm("w2").activate()
    assert versions.active is one
    versions = versions.deploy(two)
    with pytest.raises(RuntimeError, match="at most two"):
        versions.deploy(one)
    assert versions.deactivate().active is None
    with pytest.raises(ValueError, match="mallory is not one of w1, w2"):
        versions.confirm("mallory")


def test_two_versions_of_a_dictionary_decode_side_by_side():
    pages = [(i, (b"line %d of a log\n" % i * 300)[:PAGE_SIZE]) for i in range(120)]
    old = train_dictionary([page for _, page in pages], size=8_192)
    new = train_dictionary([page for _, page in pages[::2]], size=8_192)
    for version in (old, new):
        arrived = bytearray(120 * PAGE_SIZE)
        Decoder(arrived, dictionary=[old, new]).apply(Encoder(dictionary=version).encode(pages))
        assert arrived == b"".join(page for _, page in pages)
    with pytest.raises(ValueError, match="at most two"):
        other = train_dictionary([page for _, page in pages[::3]], size=8_192)
        Decoder(bytearray(PAGE_SIZE), dictionary=[old, new, other])


@given(st.binary(max_size=400), st.integers(0, 400), st.binary(max_size=40), st.integers(0, 60))
def test_matching_gives_back_any_data_from_any_base(old, at, inserted, removed):
    new = old[:at] + inserted + old[at + removed :]
    change = matching.delta(old, new, block=16)
    assert matching.apply(change, old, block=16) == new


@given(st.binary(min_size=40, max_size=200), st.integers(8, 32))
def test_the_rolled_checksum_is_that_of_the_block(data, size):
    checksum = matching.weak(data[:size])
    for at in range(len(data) - size):
        checksum = matching.roll(*checksum, data[at], data[at + size], size)
        assert checksum == matching.weak(data[at + 1 : at + 1 + size])


def test_a_byte_at_the_front_costs_a_block_and_not_the_file():
    old = DICE.randbytes(100_000)
    change = matching.delta(old, b"!" + old)
    assert change.new_bytes < 2 * matching.BLOCK
    assert matching.apply(change, old) == b"!" + old


def test_two_blocks_with_one_checksum_are_told_apart():
    """Swapping bytes so that both sums stay: what a 32-bit checksum alone takes for equal."""
    one = bytes([10, 20, 30, 40, 50, 60, 70, 80])
    two = bytes([11, 18, 31, 40, 50, 60, 70, 80])
    assert matching.weak(one) == matching.weak(two) and one != two
    change = matching.delta(one, two, block=8)
    assert change.steps == (two,)
    assert matching.apply(change, one, block=8) == two


def test_a_delta_against_another_base_is_refused():
    change = matching.delta(TEXT, TEXT + b"more")
    with pytest.raises(IntegrityError, match="another baseline"):
        matching.apply(change, RANDOM)


def test_baselines_age_and_both_ends_agree_or_ask_for_all():
    sender, receiver = Baselines(), Baselines()
    data = bytearray(RANDOM)
    for number in range(40):
        data[number * 100] ^= 1
        now = number * MINUTE
        update = sender.update("disk", bytes(data), now)
        assert receiver.take("disk", update, now) == data
    longer = bytes(data) + b"tail"
    update = sender.update("disk", longer, 40 * MINUTE)
    assert receiver.take("disk", update, 40 * MINUTE) == longer
    receiver.forget("disk")
    again = sender.update("disk", longer, 41 * MINUTE)
    with pytest.raises(IntegrityError, match="ask for the data in full"):
        receiver.take("disk", again, 41 * MINUTE)
    sender.forget("disk")
    assert receiver.take("disk", sender.update("disk", longer, 41 * MINUTE), 0) == longer


def test_baselines_stay_within_their_bounds():
    kept = Baselines(kept_max=3, size_max=250)
    for number in range(9):
        kept.update(f"disk {number}", bytes(100), 0)
    assert kept.size == 200


@pytest.mark.parametrize("make", [KnownBlocks, BlockStore])
def test_an_index_without_room_is_refused(make):
    with pytest.raises(ValueError, match="at least 1 block"):
        make(capacity=0)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="group_size is 0"):
        Encoder(Settings(group_size=0))
    with pytest.raises(ValueError, match="compression level 23"):
        Encoder(Settings(level=23))

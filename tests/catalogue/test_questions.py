"""The question bank: the pools are sound, papers are fair and alike, and marking loses nothing."""

import hashlib
import json
import math
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from course.catalogue import questions
from course.catalogue.questions import blueprint, load_pool, parse, parse_blueprint, practice
from course.catalogue.questions.arithmetic import LONGEST, evaluate
from course.catalogue.questions.draw import Paper, paper, public, question
from course.catalogue.questions.grading import grade, problems
from course.lab.commands import VERBS

ROOT = Path(__file__).parent.parent.parent
LIVE = ROOT / "source/exams/operations-associate/items"
PRACTICE = ROOT / "course/catalogue/questions/practice"
POOLS = {"practice": practice(), "live": load_pool(LIVE)}
PLAN = blueprint()
EVERY = [pytest.param(item, id=item.id) for pool in POOLS.values() for item in pool]
ONE_KEY = ("single", "scenario")

each_pool = pytest.mark.parametrize("name", POOLS)
seeds = st.text(min_size=1, max_size=20)


def fair(drawn):
    """The answers of a candidate who knows everything, by question number."""
    return {q.number: q.answer if q.item.calculation else q.key for q in drawn.questions}


def strings(data):
    """Every text and number in plain data."""
    if isinstance(data, dict):
        return [text for key, value in data.items() for text in (str(key), *strings(value))]
    if isinstance(data, list):
        return [text for value in data for text in strings(value)]
    return [str(data)]


# The pools


def test_there_are_enough_questions_to_practise_and_two_and_a_half_papers_to_sit():
    assert len(POOLS["practice"]) >= 120
    assert len(POOLS["live"]) >= 2.5 * PLAN.size


@each_pool
def test_each_type_and_each_subtopic_has_twice_what_a_paper_needs(name):
    pool = POOLS[name]
    for name, number in PLAN.types.items():
        assert sum(item.type == name for item in pool) >= 2 * number, name
    for name, number in PLAN.subtopics.items():
        assert sum(item.subtopic == name for item in pool) >= 2 * number, name


@pytest.mark.parametrize("item", EVERY)
def test_an_item_belongs_where_the_blueprint_knows_it(item):
    assert PLAN.domains[item.subtopic] == item.domain


@pytest.mark.parametrize("item", EVERY)
def test_an_item_has_different_options_each_with_its_own_reason(item):
    texts = [option.text for option in item.options]
    reasons = [option.why for option in item.options]
    assert len(set(texts)) == len(texts) and len(set(reasons)) == len(reasons)
    assert all(reason.strip().endswith(".") for reason in reasons)
    if item.type in (*ONE_KEY, "multiple"):
        assert all(why.startswith("Right: ") == (i in item.key) for i, why in enumerate(reasons))
    if item.type == "multiple":
        assert 2 <= len(item.key) < len(item.options) - 1


@pytest.mark.parametrize("item", EVERY)
def test_an_item_is_worded_by_the_rules(item):
    texts = " ".join([item.stem, *(option.text for option in item.options)])
    assert not re.search(r"(?i)\b(all|none) of the (above|other)", texts)
    assert not re.search(r"(?i)\bwhich\b[^.?]* (is|are|does|do|can|may) ?not\b", item.stem)
    assert not re.search(r"—|[\U0001F300-\U0001FAFF]", texts)
    if item.type == "multiple":
        assert "two" in item.stem.lower(), "the number to choose is stated"
    if item.level == "recall":
        assert item.difficulty >= 0.6


@each_pool
def test_the_key_stands_evenly_at_every_place(name):
    pool = POOLS[name]
    places = Counter(item.key[0] for item in pool if item.type in ONE_KEY)
    expected = sum(places.values()) / 4
    assert set(places) == {0, 1, 2, 3}
    assert all(abs(number - expected) <= 0.2 * expected for number in places.values())


@each_pool
def test_the_length_of_an_option_does_not_give_the_key_away(name):
    """With four options chance alone makes the key the longest, or the shortest, in a quarter."""
    pool = POOLS[name]
    longest = shortest = 0
    items = [item for item in pool if item.type in ONE_KEY]
    for item in items:
        lengths = [len(option.text) for option in item.options]
        key = lengths.pop(item.key[0])
        longest += key > max(lengths)
        shortest += key < min(lengths)
    assert longest <= 0.4 * len(items) and shortest <= 0.4 * len(items)


def test_no_live_item_can_be_practised():
    mine, theirs = POOLS["practice"], POOLS["live"]
    assert not {item.id for item in mine} & {item.id for item in theirs}
    assert not {item.stem for item in mine} & {item.stem for item in theirs}
    exhibits = {item.exhibit for item in mine if item.exhibit}
    assert not exhibits & {item.exhibit for item in theirs}
    choices = {frozenset(option.text for option in item.options) for item in mine if item.options}
    assert not choices & {frozenset(o.text for o in item.options) for item in theirs}


def test_nothing_of_a_live_item_lies_in_the_course():
    package = "\n".join(
        path.read_text("utf-8") for path in sorted(PRACTICE.parent.rglob("*")) if path.is_file()
        and path.suffix in (".py", ".yaml", ".json")
    )  # fmt: skip
    assert not any(f"id: {item.id}\n" in package for item in POOLS["live"])


def test_live_and_practice_differ_in_what_they_ask():
    """No live stem shares four fifths of its words with a practice stem."""
    words = [set(re.findall(r"[a-z0-9]{3,}", i.stem.lower())) for i in POOLS["practice"]]
    for item in POOLS["live"]:
        mine = set(re.findall(r"[a-z0-9]{3,}", item.stem.lower()))
        if len(mine) >= 6:
            assert all(len(mine & other) < 0.8 * len(mine | other) for other in words), item.id


# Numbers


@pytest.mark.parametrize("item", [p for p in EVERY if p.values[0].arithmetic])
def test_the_equations_behind_an_item_hold(item):
    for equation in item.arithmetic:
        left, right = equation.split(" = ")
        assert math.isclose(evaluate(left), evaluate(right), rel_tol=0.01), equation


@pytest.mark.parametrize("item", [p for p in EVERY if p.values[0].calculation])
def test_a_calculation_gives_what_was_worked_out_by_hand(item):
    given, answer = item.calculation.worked
    assert set(given) == set(item.calculation.parameters)
    assert math.isclose(evaluate(item.calculation.expression, given), answer, rel_tol=0.005)


@pytest.mark.parametrize("item", [p for p in EVERY if p.values[0].calculation])
def test_no_known_mistake_is_marked_right_whatever_numbers_are_drawn(item):
    rng = random.Random(item.id)
    for _ in range(200):
        drawn = question(item, 1, rng)
        assert drawn.answer is not None and drawn.answer > 0 and "{" not in drawn.stem
        for mistake in item.calculation.mistakes:
            wrong = evaluate(mistake.answer, drawn.given)
            assert abs(wrong - drawn.answer) > 1.2 * item.calculation.tolerance * drawn.answer


@given(st.integers(-99, 99), st.integers(1, 99))
def test_expressions_follow_the_usual_rules(a, b):
    names = {"a": a, "b": b}
    assert evaluate("a - b * 2 + a / b", names) == a - b * 2 + a / b
    assert evaluate("-a ** 2", names) == -(a**2)
    assert evaluate("floor(a / b) + ceil(b) + max(a, b) - min(a, b)", names) == (
        a // b + b + max(a, b) - min(a, b)
    )
    assert evaluate("round(log2(b * b) / 2)", names) == round(math.log2(b))


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "a.real", "'x'", "True", "1 < 2", "[1]", "lambda: 1", "1 if 1 else 2",
     "open(1)", "max(1, key=2)", "max(*a)", "a := 1", "f'{a}'", "9 ** 9 ** 9 ** 9", "1 / 0",
     "log2(0)", "(-8) ** 0.5", "1e999", "", "1 +", "b", "2 if a else 3", "1j", "min()",
     "~1", "a % 2", "1" + "+1" * LONGEST, "not 1", "max", "a(1)"],
)  # fmt: skip
def test_whatever_is_no_arithmetic_is_refused(expression):
    with pytest.raises(ValueError):
        evaluate(expression, {"a": 1})


# Drawing


@each_pool
@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_paper_has_exactly_the_blueprints_numbers(name, seed):
    pool = POOLS[name]
    items = [q.item for q in paper(pool, PLAN, seed).questions]
    assert len({item.id for item in items}) == len(items) == PLAN.size == 50
    assert Counter(item.type for item in items) == Counter(PLAN.types)
    assert Counter(item.subtopic for item in items) == Counter(PLAN.subtopics)
    assert Counter((item.domain, item.level) for item in items) == Counter(PLAN.levels)


@each_pool
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_sets_are_drawn_whole_and_stay_together(name, seed):
    pool = POOLS[name]
    drawn = paper(pool, PLAN, seed).questions
    sets = [q.item.set for q in drawn if q.item.set]
    assert len(sets) == 8 and len(set(sets)) == 2
    for name in set(sets):
        whole = [item.id for item in pool if item.set == name]
        numbers = [q.number for q in drawn if q.item.set == name]
        assert numbers == list(range(numbers[0], numbers[0] + len(whole)))
        assert [drawn[n - 1].item.id for n in numbers] == whole


@each_pool
def test_papers_of_200_seeds_are_equally_hard_and_use_the_whole_pool(name):
    pool = POOLS[name]
    drawn = [paper(pool, PLAN, f"seed {number}") for number in range(200)]
    hard = [one.difficulty for one in drawn]
    assert all(abs(value - PLAN.difficulty) <= PLAN.within + 1e-9 for value in hard)
    assert abs(mean(hard) - PLAN.difficulty) <= PLAN.within
    seen = Counter(q.item.id for one in drawn for q in one.questions)
    assert set(seen) == {item.id for item in pool if item.type in PLAN.types}
    assert max(seen.values()) <= 0.85 * len(drawn)
    places = Counter(q.key for one in drawn for q in one.questions if q.item.type in ONE_KEY)
    assert all(0.22 <= places[letter] / places.total() <= 0.28 for letter in "ABCD")


@given(seed=seeds, number=st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_the_same_seed_gives_the_same_paper(seed, number):
    once, again = (paper(POOLS["practice"], PLAN, seed) for _ in range(2))
    assert once == again
    assert once != paper(POOLS["practice"], PLAN, f"{seed}{number}")


SHOW = """
import hashlib, json
from course.catalogue.questions import blueprint, practice
from course.catalogue.questions.draw import paper, public
drawn = paper(practice(), blueprint(), "spring/candidate-7")
keys = [q.key or q.answer for q in drawn.questions]
print(hashlib.sha256(json.dumps([public(drawn), keys]).encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_paper_in_another_process():
    other = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env={"PYTHONHASHSEED": "1", "PATH": ""},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    drawn = paper(practice(), PLAN, "spring/candidate-7")
    here = json.dumps([public(drawn), [q.key or q.answer for q in drawn.questions]])
    assert other.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_a_seed_is_a_text():
    with pytest.raises(ValueError, match="a seed is a text"):
        paper(POOLS["practice"], PLAN, 7)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (lambda item: item.subtopic != "pba", "needs 1 on pba; there are 0"),
        (lambda item: item.type != "scenario", "of 0 scenario sets no 2 fit"),
        (lambda item: item.type != "ordering", "questions of a wrong level or type"),
    ],
)
def test_a_pool_that_cannot_fill_a_paper_says_what_it_lacks(keep, words):
    with pytest.raises(ValueError, match=words):
        paper(tuple(filter(keep, POOLS["practice"])), PLAN, "x")


# What a candidate sees


@each_pool
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_a_candidate_sees_no_key_no_reason_and_no_expression(name, seed):
    pool = POOLS[name]
    drawn = paper(pool, PLAN, seed)
    shown = public(drawn)
    assert json.loads(json.dumps(shown)) == shown
    texts = strings(shown)
    joined = "\n".join(texts)
    for item in (q.item for q in drawn.questions):
        assert all(option.why not in joined for option in item.options)
        assert item.fact not in joined and item.id not in texts
        if item.calculation:
            assert item.calculation.expression not in joined
            assert item.calculation.why not in joined
    names = {key for row in shown["questions"] for key in row}
    assert names <= {"number", "type", "stem", "ask", "exhibit", "unit", "options"}


@given(seed=seeds, key=st.sampled_from("ABCD"))
@settings(max_examples=15, deadline=None)
def test_what_a_candidate_sees_would_be_the_same_with_another_key(seed, key):
    drawn = paper(POOLS["practice"], PLAN, seed)
    other = tuple(
        replace(q, key=key) if q.item.type in ONE_KEY else replace(q, answer=q.answer and 7.0)
        for q in drawn.questions
    )
    assert public(replace(drawn, questions=other)) == public(drawn)


def test_every_option_is_shown_and_the_number_to_choose_is_said():
    drawn = paper(POOLS["practice"], PLAN, "shown")
    for q, row in zip(drawn.questions, public(drawn)["questions"], strict=True):
        assert sorted(row["options"].values()) == sorted(o.text for o in q.item.options)
        if q.item.type == "multiple":
            assert f"Choose {len(q.key)}." in row["ask"]
        if q.item.type == "ordering":
            assert q.key != "ABCDEF"[: len(q.key)]


# Marking


@each_pool
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_who_knows_everything_gets_everything(name, seed):
    pool = POOLS[name]
    drawn = paper(pool, PLAN, seed)
    report = grade(drawn, fair(drawn))
    assert report.total == 50 and report.passed and not report.near_misses
    assert report.problems == () and problems(drawn, fair(drawn)) == []
    assert {name: of for name, (_, of) in report.domains.items()} == {
        "architecture": 15, "deployment": 10, "monitoring": 10, "troubleshooting": 10, "incident": 5,
    }  # fmt: skip


DRAWN = paper(POOLS["practice"], PLAN, "marking")


@given(wrong=st.sets(st.integers(1, 50)))
@settings(max_examples=40, deadline=None)
def test_each_wrong_or_missing_answer_costs_one_mark_and_no_other(wrong):
    answers = {number: answer for number, answer in fair(DRAWN).items() if number not in wrong}
    report = grade(DRAWN, answers)
    assert report.total == 50 - len(wrong) == sum(got for got, _ in report.domains.values())
    assert report.passed == (report.total >= 40)
    assert {m.number for m in report.marks if not m.mark} == wrong


@given(answers=st.dictionaries(
    st.one_of(st.integers(-5, 60), st.text(max_size=3), st.none()),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=2)
        ),
        max_leaves=4,
    ),
    max_size=8,
))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_answer_whatever_it_is_breaks_the_marking_or_costs_another_one(answers):
    good = {n: a for n, a in fair(DRAWN).items() if n not in answers and str(n) not in answers}
    report = grade(DRAWN, {**good, **answers})
    assert sum(m.mark for m in report.marks if m.number in good) == len(good)
    assert list(report.problems) == problems(DRAWN, {**good, **answers})


def first(kind):
    return next(q for q in DRAWN.questions if q.item.type == kind)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("single", "Z", "answer with letters from A, B, C, D, not 'Z'"),
        ("single", "AB", "1 to choose, not 2"),
        ("single", ["AB"], "letters from"),
        ("multiple", "A", "2 to choose, not 1"),
        ("multiple", "AA", "each letter counts once"),
        ("ordering", "ABC", "to choose, not 3"),
        ("calculation", "much", "a number in .* is needed"),
        ("calculation", "5 parsecs", "not in 'parsecs'"),
        ("calculation", "1,5", "with a point"),
        ("calculation", "e5", "with a point"),
        ("calculation", ".", "with a point"),
        ("calculation", "1e999", "a number in .* is needed"),
        ("calculation", float("nan"), "a number in .* is needed"),
        ("calculation", True, "a number in .* is needed"),
    ],
)
def test_an_answer_that_cannot_be_read_is_told_with_its_number_and_what_would_be_right(
    kind, given, words
):
    q = first(kind)
    report = grade(DRAWN, {**fair(DRAWN), q.number: given})
    assert report.total == 49
    (problem,) = report.problems
    assert problem.startswith(f"question {q.number}: ") and re.search(words, problem)


def test_an_answer_to_no_question_is_told_and_nothing_is_lost():
    report = grade(DRAWN, {**fair(DRAWN), 51: "A"})
    assert report.total == 50 and "numbered 1 to 50" in report.problems[0]


def test_an_answer_given_twice_is_told():
    q = first("single")
    report = grade(DRAWN, {q.number: "A", str(q.number): q.key})
    assert report.total == 1 and "answered twice" in report.problems[0]


def test_answers_come_by_number_or_not_at_all():
    with pytest.raises(ValueError, match="go by question number"):
        grade(DRAWN, ["A"] * 50)


def test_numbers_may_be_written_in_several_ways():
    q = first("calculation")
    unit = q.item.calculation.unit
    for text in (f"{q.answer}", f" {q.answer:.6f} {unit} ", f"{q.answer:e}", q.answer):
        assert grade(DRAWN, {str(q.number): text}).total == 1
    assert grade(DRAWN, {q.number: q.answer * 1.05}).total == 1
    assert grade(DRAWN, {q.number: q.answer * 0.9499}).total == 0


def test_letters_may_be_written_in_several_ways():
    q = first("multiple")
    one, two = q.key
    for letters in (q.key, f"{two} {one}", f"{two.lower()},{one}", [two, one], (one, two)):
        assert grade(DRAWN, {q.number: letters}).total == 1


def test_near_misses_go_to_the_second_marker_without_a_mark():
    calculation, multiple, ordering = map(first, ("calculation", "multiple", "ordering"))
    other = next(letter for letter in "ABCDE" if letter not in multiple.key)
    swapped = ordering.key[1] + ordering.key[0] + ordering.key[2:]
    report = grade(DRAWN, {
        calculation.number: calculation.answer * 1.1,
        multiple.number: multiple.key[0] + other,
        ordering.number: swapped,
    })  # fmt: skip
    assert report.total == 0
    assert {miss.number: miss.how.split(" ")[0] for miss in report.near_misses} == {
        calculation.number: f"{calculation.answer * 1.1:g}",
        multiple.number: "one",
        ordering.number: "steps",
    }


def test_a_wrong_answer_is_told_its_own_reason():
    q = first("single")
    wrong = next(i for i, _ in enumerate(q.options) if "ABCD"[i] != q.key)
    marks = grade(DRAWN, {q.number: "ABCD"[wrong]}).marks
    assert marks[q.number - 1].why == q.options[wrong].why
    c = first("calculation")
    mistake = c.item.calculation.mistakes[0]
    marks = grade(DRAWN, {c.number: evaluate(mistake.answer, c.given)}).marks
    assert marks[c.number - 1].why == mistake.why


NOT_IN_THE_LAB = {"reputation list"}
COMMANDS = [item for item in POOLS["practice"] if item.command]


@pytest.mark.parametrize("item", COMMANDS, ids=lambda item: item.id)
def test_a_command_is_right_in_any_order_of_its_flags_and_wrong_with_a_known_mistake(item):
    q = question(item, 1, random.Random(0))
    alone = Paper(PLAN, "x", (q,))
    for line in item.command.accepts:
        verb, *flags = re.split(r" (?=--)", line)
        assert grade(alone, {1: "  ".join([verb, *reversed(flags)])}).total == 1
    for mistake in item.command.mistakes:
        report = grade(alone, {1: mistake.answer})
        assert report.total == 0 and report.marks[0].why == mistake.why
    assert "a line of text" in grade(alone, {1: 7}).problems[0]


@pytest.mark.parametrize("item", COMMANDS, ids=lambda item: item.id)
def test_a_command_to_type_has_a_verb_that_the_lab_knows_too(item):
    for line in item.command.accepts:
        verb = line.removeprefix("dwcp-cli ").split(" --")[0]
        assert verb in VERBS or verb in NOT_IN_THE_LAB


# Files


@pytest.mark.parametrize("folder", ["questions", "questions/blueprints"])
def test_the_schemas_are_schemas(folder):
    text = (ROOT / "course/catalogue" / folder / "schema.json").read_text("utf-8")
    Draft202012Validator.check_schema(json.loads(text))


def read(name):
    return yaml.safe_load((PRACTICE / name).read_text("utf-8"))


def changed(name, change):
    data = read(name)
    change(data)
    return data


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("p-acp-1.yaml", lambda d: d.update(id="p-acp-99"), "a file's name is its id"),
        ("p-acp-1.yaml", lambda d: d["options"].pop("A"), "at options"),
        ("p-acp-1.yaml", lambda d: d.update(key="E"), "at key"),
        ("p-acp-1.yaml", lambda d: d["options"]["A"].pop("why"), "at options / A"),
        ("p-acp-1.yaml", lambda d: d.pop("fact"), "'fact' is a required property"),
        ("p-acp-1.yaml", lambda d: d.update(type="scenario"), "questions of a set, and only they"),
        ("p-acp-1.yaml", lambda d: d.update(difficulty=0.99), "at difficulty"),
        ("p-acp-6.yaml", lambda d: d["calculation"].update(expression="n +* 2"), "worked out"),
        (
            "p-acp-6.yaml",
            lambda d: d["calculation"].update(expression="m * 2"),
            "uses m, not drawn",
        ),
        ("p-acp-6.yaml", lambda d: d.update(stem="How many?"), "does not show n"),
        ("p-acp-6.yaml", lambda d: d.pop("calculation"), "'calculation' is a required property"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_reason(file, change, words):
    with pytest.raises(ValueError, match=words) as refused:
        parse(changed(file, change), file)
    assert file.removesuffix(".yaml").rsplit("-", 1)[0] in str(refused.value)


def test_an_empty_folder_and_an_id_used_twice_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no questions"):
        load_pool(tmp_path)
    group = read("p-set-trace.yaml")
    group["questions"][1]["id"] = group["questions"][0]["id"]
    (tmp_path / "p-set-trace.yaml").write_text(yaml.safe_dump(group), "utf-8")
    with pytest.raises(ValueError, match="more than one item is called"):
        load_pool(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["types"].update(single=27), "types and sub-topics differ"),
        (lambda d: d["domains"]["incident"]["levels"].update(recall=2), "levels and sub-topics"),
    ],
)
def test_a_blueprint_that_does_not_add_up_is_refused(change, words):
    folder = ROOT / "course/catalogue/questions/blueprints"
    data = yaml.safe_load((folder / "operations-associate.yaml").read_text("utf-8"))
    change(data)
    with pytest.raises(ValueError, match=words):
        parse_blueprint(data)


def test_the_blueprint_is_that_of_operations_associate():
    assert (PLAN.size, PLAN.minutes, PLAN.pass_marks) == (50, 90, 40)
    assert PLAN.types == {
        "single": 28,
        "multiple": 8,
        "scenario": 8,
        "calculation": 4,
        "ordering": 2,
    }
    by_level = Counter()
    for (_, level), number in PLAN.levels.items():
        by_level[level] += number
    assert by_level == {"recall": 15, "apply": 22, "analyse": 13}
    assert questions.LETTERS.startswith("ABCD")

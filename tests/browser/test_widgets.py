"""Every widget in JupyterLab: by keyboard alone, for a screen reader, in the dark, narrow, and after
the kernel was restarted. One notebook and one page for all; the tests go through it in order."""

import json
import re

import pytest

from tests.browser.test_learner import open_notebook, run_all
from tests.browsing import SCREENSHOTS

IDS = ["p-metrics-1", "p-rules-1", "d-ports"]
CELLS = {
    "imports": "from course.notebook import blank, console, lab, predict, quiz, steps, timed, walk\n"
    "from course.agreement import frames, two_faced\nfrom course.dwcp.consensus.pbft_cluster import Cluster",
    "tree": 'cluster = lab("day-1")\n'
    'cluster.inject("closed-ports", host="worker-4", first=8091, last=8100)\n'
    'walk("T32", cluster, node="worker-4")',
    "blank": 'known = {"a clock off": {"time_and_version_ok": False}}\nempty = blank("T32", lambda: known)\nempty',
    "timed": 'timed("T32", cluster, node="worker-4", told="worker-4 is new.")',
    "quiz": "asked = quiz('warm-up', {ids}, seed='anna')\nasked",
    "stepper": 'group = Cluster(4)\ntwo_faced(group, "v0", ("v3",))\ngroup.ask("move vm-1")\n'
    'steps("A primary that lies to v3", frames(group))',
    "console": 'console(lab("con-02-quorum-lost"))',
    "predict": 'predict("How many?", unit="streams", low=0, high=16)',
}
PANELS = ["tree", "blank", "timed", "quiz", "stepper", "console", "predict"]


def by_type():
    from course.catalogue.questions import drills, practice

    return [*{item.type: item.id for item in (*practice(), *drills())}.values()]


@pytest.fixture(scope="module")
def board(chromium, lab_address, work):
    """A page with all widgets, run once; its console's errors are collected."""
    import nbformat

    ids = ", ".join(map(repr, by_type()))
    cells = [nbformat.v4.new_code_cell(text.replace("{ids}", ids)) for text in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, work / "widgets.ipynb")
    context = chromium.new_context(
        viewport={"width": 1280, "height": 24_000}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    open_notebook(page, lab_address, "widgets.ipynb")
    run_all(page)
    for name in PANELS:
        page.wait_for_selector(f".dwcp-{name} h3")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    yield page
    context.close()


def shot(page, name, what):
    page.locator(f".dwcp-{name}").first.screenshot(path=SCREENSHOTS / f"{what}.png")


def focus_in(page, name):
    """Put the focus where Tab leads into the widget next: on the cell's own text."""
    cell = page.locator(".jp-Cell", has=page.locator(f".dwcp-{name}")).first
    cell.locator(".cm-content").focus()
    page.keyboard.press("Escape")


def accessible(page, where):
    """axe-core's violations of WCAG 2.0 to 2.2, A and AA, with what they are about."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, context=where, options={"runOnly": tags}).response["violations"]
    return [(row["id"], [node["html"][:160] for node in row["nodes"][:3]]) for row in found]


def tab_to(page, name, key, most=80):
    """Tab until the focus is on the control with this data-key."""
    for _ in range(most):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "document.activeElement.closest('.dwcp') && document.activeElement.dataset.key"
        )
        if here == key:
            return
    raise AssertionError(f"{most} times Tab did not lead to {key!r} in {name}")


@pytest.mark.parametrize("name", PANELS)
def test_axe_finds_nothing_to_object_to(board, name):
    assert accessible(board, f".dwcp-{name}") == []
    shot(board, name, f"widget-{name}")


def test_a_tree_is_filled_in_and_run_by_keyboard(board):
    focus_in(board, "blank")
    tab_to(board, "blank", "a no")
    board.keyboard.type("Correct")
    board.locator(".dwcp-blank li", has_text="no leads to").first.wait_for()
    tab_to(board, "blank", "Run it against the faults")
    board.keyboard.press("Enter")
    board.locator(".dwcp-blank [role=status]", has_text="cases end where they should").wait_for()
    assert board.locator(".dwcp-blank tbody tr").count() == 1


def test_a_diagnosis_from_memory_is_made_by_keyboard(board):
    focus_in(board, "timed")
    tab_to(board, "timed", "network test")
    board.keyboard.press("Enter")
    board.locator(".dwcp-timed td", has_text="8091, 8092").wait_for()
    tab_to(board, "timed", "outcome")
    board.keyboard.type("Open them")
    tab_to(board, "timed", "That is it")
    board.keyboard.press("Space")
    verdict = board.locator(".dwcp-timed .dwcp-said")
    verdict.wait_for()
    assert verdict.inner_text().startswith("Right. In time.")
    assert board.evaluate("document.activeElement.textContent").startswith("Right.")


def answer(page, number):
    return page.locator(f'.dwcp-quiz fieldset[data-number="{number}"]')


def test_every_kind_of_question_is_answered_by_keyboard_and_gets_its_reason(board, work):
    from course.catalogue.questions import named
    from course.catalogue.questions.draw import drill

    paper = drill("warm-up", named(by_type()), "anna")
    focus_in(board, "quiz")
    for question in paper.questions:
        n, kind = question.number, question.item.type
        if kind in ("single", "scenario"):
            tab_to(board, "quiz", f"{n}A")
            for _ in range(1 + "ABCDEF".index(question.key)):  # right, left: A is chosen; then down
                board.keyboard.press("ArrowDown")
            for _ in range(8):
                if board.evaluate("document.activeElement.value") == question.key:
                    break
                board.keyboard.press("ArrowDown")
        elif kind == "multiple":
            for letter in question.key:
                tab_to(board, "quiz", f"{n}{letter}")
                board.keyboard.press("Space")
        elif kind == "ordering":
            order(board, n, question.key)
        elif kind == "matching":
            for i, letter in enumerate(question.key):
                tab_to(board, "quiz", f"{n}-{i}")
                board.keyboard.type(letter)
        else:
            tab_to(board, "quiz", f"{n}line")
            board.keyboard.type(
                question.item.command.accepts[0] if question.item.command else f"{question.answer}"
            )
        tab_to(board, "quiz", f"{n}answer")
        board.keyboard.press("Enter")
        answer(board, n).locator(".dwcp-said", has_text="Right.").wait_for()
    kept = json.loads((work / "warm-up.answers.json").read_text("utf-8"))
    assert len(kept["answers"]) == len(paper.questions)
    assert (
        f"{len(paper.questions)} right, {len(paper.questions)} at the first try"
        in board.locator(".dwcp-quiz").inner_text()
    )
    shot(board, "quiz", "widget-quiz-answered")


def order(page, n, key):
    """Move each step up to its place; the focus stays on the button that moves it."""
    for place, letter in enumerate(key):
        tab_to(page, "quiz", f"{n}{letter}Up", most=200)
        rows = answer(page, n).locator("ol li")
        for _ in range(6):
            if rows.nth(place).locator(f'[data-key="{n}{letter}Up"]').count():
                break
            page.keyboard.press("Enter")
        for _ in range(20):  # back to the first step, for the next one
            if (
                page.evaluate("document.activeElement.dataset.key ?? ''") == f"{n}{key[0]}Up"
                or place == len(key) - 1
            ):
                break
            page.keyboard.press("Shift+Tab")


def test_one_steps_forward_and_back_by_keyboard(board):
    focus_in(board, "stepper")
    tab_to(board, "stepper", "Next")
    for _ in range(3):
        board.keyboard.press("Enter")
    assert board.locator(".dwcp-stepper h4").inner_text().startswith("4 of ")
    assert "Step 4 of" in board.locator(".dwcp-stepper [role=status]").inner_text()
    assert board.locator(".dwcp-stepper svg").get_attribute("aria-label")
    shot(board, "stepper", "widget-stepper-4")
    tab_to(board, "stepper", "slider")
    board.keyboard.press("ArrowLeft")
    assert board.locator(".dwcp-stepper h4").inner_text().startswith("3 of ")


def test_an_incident_is_worked_at_the_console_by_keyboard(board):
    console = board.locator(".dwcp-console")
    focus_in(board, "console")
    tab_to(board, "console", "Step 10 s")
    board.keyboard.press("Enter")
    console.get_by_text("10 s since the page").wait_for()
    tab_to(board, "console", "line")
    board.keyboard.type("server start --host controller-1")
    board.keyboard.press("Enter")
    console.get_by_role("region", name="Terminal output").get_by_text("server start").wait_for()
    board.keyboard.type("node lis")
    board.keyboard.press("Enter")
    console.get_by_text("(exit code 2)").wait_for()
    board.keyboard.press("ArrowUp")
    assert board.evaluate("document.activeElement.value") == "node lis"
    shot(board, "console", "widget-console-worked")
    focus_in(board, "console")
    tab_to(board, "console", "run")
    board.keyboard.press("Enter")
    console.get_by_role("button", name="Pause").wait_for()
    console.get_by_text(re.compile(r"^[2-9]\d s since the page\. The clock runs")).wait_for()
    board.keyboard.press("Enter")
    console.get_by_text(re.compile("The clock stands")).wait_for()
    console.get_by_role("button", name="Back 10 s").click()
    console.get_by_text("What you type here does not count").wait_for()
    console.get_by_role("button", name="Return to now").click()
    console.get_by_text("The clock stands").wait_for()


@pytest.mark.parametrize(("width", "what"), [(640, "at 200% zoom"), (400, "narrow")])
def test_widgets_fit_a_small_window(board, width, what):
    """640 px is what is left of 1,280 at 200%."""
    board.set_viewport_size({"width": width, "height": 24_000})
    board.wait_for_timeout(300)
    for name in PANELS:
        wide = board.evaluate(
            f"(() => {{ const box = document.querySelector('.dwcp-{name}'); return [box.scrollWidth, box.clientWidth, innerWidth]; }})()"
        )
        assert wide[0] <= wide[1] + 1 and wide[1] <= wide[2], (name, wide)
    shot(board, "console", f"widget-console-{width}")
    board.set_viewport_size({"width": 1280, "height": 24_000})


def test_nothing_moves_by_itself(board):
    moving = "[...document.querySelectorAll('.dwcp')].flatMap((box) => box.getAnimations({ subtree: true })).length"
    assert board.evaluate(moving) == 0


def test_the_dark_theme_has_contrast_too(board):
    board.get_by_role("menuitem", name="Settings", exact=True).click()
    board.get_by_text("Theme", exact=True).first.hover()
    board.get_by_text("JupyterLab Dark", exact=True).click()
    board.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    assert accessible(board, ".dwcp") == []
    shot(board, "quiz", "widget-quiz-dark")
    shot(board, "stepper", "widget-stepper-dark")


def test_after_a_restart_widgets_say_so_and_answers_are_still_there(board):
    board.get_by_role("menuitem", name="Kernel", exact=True).click()
    board.get_by_text("Restart Kernel…", exact=True).click()
    board.locator(".jp-Dialog button.jp-mod-accept").click()
    ended = board.locator(".dwcp-quiz", has_text="The kernel behind this has ended")
    for _ in range(20):  # until the restart has reached the page
        answer(board, 1).get_by_role("button", name="Answer question 1", exact=True).press("Enter")
        if ended.count():
            break
        board.wait_for_timeout(250)
    ended.wait_for()
    for name in ("imports", "quiz"):
        board.locator(".jp-Cell").nth(list(CELLS).index(name)).locator(".cm-content").focus()
        board.keyboard.press("Shift+Enter")
    ended.wait_for(state="detached")
    board.locator(".dwcp-quiz", has_text="at the first try").first.wait_for(timeout=90_000)
    board.wait_for_function(
        "!document.querySelector('.dwcp-quiz')?.closest('.jupyter-widgets-disconnected')"
    )
    assert "Right." in answer(board, 1).inner_text()


def test_exported_without_a_kernel_every_widget_reads(board, chromium, work, picture):
    """nbconvert's page of the notebook as it was saved, opened without a network."""
    import nbformat
    from nbconvert import HTMLExporter

    board.keyboard.press("Control+s")
    board.wait_for_timeout(1_500)
    notebook = nbformat.read(work / "widgets.ipynb", as_version=4)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    context = chromium.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.set_content(html)
    text = page.inner_text("body")
    for words in ("Is the new node ready?", "to fill in", "from memory", "Kept in warm-up.answers.json", "A primary that lies to v3",
                  "Console of con-02-quorum-lost", "How many?"):  # fmt: skip
        assert words in text, words
    assert page.locator("details svg").count() >= 5
    page.screenshot(path=SCREENSHOTS / "exported.png", full_page=True)
    context.close()

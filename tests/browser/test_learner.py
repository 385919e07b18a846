"""The course in a real browser: open the map, run notebooks, walk a tree without a mouse.

Of each day the notebook that people click most in is run; `make browser` runs them all.
"""

import os
import re

import pytest

from tests.browsing import SCREENSHOTS
from tests.release import ROOT, lessons


def clicks(path):
    """How often a notebook asks its reader to do more than run a cell."""
    return len(
        re.findall(r"\b(?:walk|predict|quiz|console|blank|timed|steps)\(", path.read_text("utf-8"))
    )


def notebooks():
    for day in lessons():
        paths = sorted((ROOT / "source" / day).glob("*.ipynb"))
        chosen = paths if os.environ.get("DWCP_ALL_NOTEBOOKS") else [max(paths, key=clicks)]
        yield from (f"{day}/{path.name}" for path in chosen)


def open_notebook(page, address, name):
    """Open one notebook in JupyterLab's single-document mode and wait for its kernel."""
    page.goto(address.replace("/lab/tree/home.ipynb", f"/doc/tree/{name}"))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(
        "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'",
        timeout=90_000,
    )


def run_all(page, limit_ms=120_000):
    """Run > Run All Cells, and wait until no cell is waiting or running."""
    try:
        _run_all(page, limit_ms)
    except Exception as error:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "stuck.png")
        asks = page.locator(".jp-Dialog").all_inner_texts()
        prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        raise AssertionError(f"{error}\ndialogs: {asks}\nprompts: {prompts}") from error


def _run_all(page, limit_ms):
    for _ in range(3):  # a click that comes before the kernel is connected is lost
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_timeout(3_000)
        if (
            page.locator(".jp-CodeCell .jp-InputPrompt")
            .filter(has_text=re.compile(r"\[[\d*]+\]"))
            .count()
        ):
            break
    page.wait_for_function(
        """() => {
          const cells = [...document.querySelectorAll('.jp-CodeCell')];
          const shown = cells.filter((cell) => !cell.querySelector('.jp-Placeholder'));
          const prompts = shown.map((cell) => cell.querySelector('.jp-InputPrompt'));
          return prompts.length && prompts.every((p) => /^\\[\\d+\\]:?$/.test(p.textContent.trim()));
        }""",
        timeout=limit_ms,
    )


def test_the_map_opens_without_a_question_and_says_what_comes_next(page, lab_address, picture):
    page.goto(lab_address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.get_by_role("heading", name="DWCP v3, hands on").wait_for()
    page.wait_for_timeout(2_000)
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0
    open_notebook(page, lab_address, "home.ipynb")
    run_all(page)
    table = page.locator(".jp-OutputArea table")
    assert "1-architecture" in table.inner_html() and "next" in table.inner_text()
    picture(page, "home")


@pytest.mark.parametrize("name", list(notebooks()))
def test_a_notebook_runs_from_top_to_bottom(page, lab_address, picture, name):
    page.set_viewport_size(
        {"width": 1280, "height": 20_000}
    )  # all cells are drawn, none is put off
    open_notebook(page, lab_address, name)
    run_all(page)
    errors = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')
    assert errors.count() == 0, errors.first.inner_text()
    shown = ".jp-OutputArea-output"
    assert page.locator(f"{shown} img, {shown} svg, {shown} table").count() >= 1
    picture(page, f"notebook-{name.removesuffix('.ipynb').replace('/', '-')}")


def press_until(page, key, reached, most=40):
    """Press a key until the focus is on a button or summary whose text is `reached`."""
    label = "/^(BUTTON|SUMMARY)$/.test(document.activeElement.tagName) && document.activeElement.textContent"
    for _ in range(most):
        if page.evaluate(label) == reached:
            return
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(
        f"{most} times {key} did not lead to {reached!r}; focus is on {focused[:200]}"
    )


def walk_cell(
    page, lab_address, work, tree="T32", setup="", call='walk("T32", cluster, node="worker-4")'
):
    """A notebook with one tree on it, run and ready."""
    import nbformat

    cells = [
        nbformat.v4.new_code_cell("from course.notebook import lab, walk"),
        nbformat.v4.new_code_cell(f'cluster = lab("day-1")\n{setup}\n{call}'),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, work / f"{tree}.ipynb")
    open_notebook(page, lab_address, f"{tree}.ipynb")
    run_all(page)
    page.wait_for_selector(".dwcp-tree h4")


def test_a_tree_is_walked_by_keyboard_alone_to_its_leaf(page, lab_address, work, picture):
    fault = 'cluster.inject("closed-ports", host="worker-4", first=8091, last=8100)'
    walk_cell(page, lab_address, work, setup=fault)
    tree = page.locator(".dwcp-tree")
    page.locator(".jp-Cell").nth(1).locator(".cm-content").focus()
    page.keyboard.press("Escape")
    press_until(page, "Tab", "Look at the cluster")
    page.keyboard.press("Enter")
    tree.get_by_text("clock_offset_ms").wait_for()
    assert "So the answer is “yes”" in tree.inner_text()
    press_until(page, "Tab", "yes (as the cluster shows)")
    picture(page, "tree-evidence")
    page.keyboard.press("Enter")
    tree.get_by_text("b. Are ports 8080-8100 reachable").first.wait_for()
    assert "b. Are ports" in page.evaluate("document.activeElement.textContent")
    press_until(page, "Tab", "Look at the cluster")
    page.keyboard.press("Space")
    tree.get_by_text("8091, 8092").wait_for()
    press_until(page, "Tab", "no (as the cluster shows)")
    page.keyboard.press("Enter")
    tree.get_by_text("Do: Open them.").wait_for()
    press_until(page, "Tab", "The whole tree")
    page.keyboard.press("Enter")
    assert "taken: no: Open them." in tree.inner_text()
    picture(page, "tree-leaf")
    press_until(page, "Shift+Tab", "Start again")
    page.keyboard.press("Enter")
    tree.get_by_text("a. Is the time offset").first.wait_for()


def test_an_answer_against_the_evidence_is_said_and_not_barred(page, lab_address, work):
    walk_cell(page, lab_address, work, tree="T01", call='walk("T01", cluster)')
    tree = page.locator(".dwcp-tree")
    tree.get_by_role("button", name="Look at the cluster").click()
    tree.get_by_role("button", name="no", exact=True).click()
    tree.get_by_text("the signal says “yes”").first.wait_for()
    tree.get_by_text("Do: Go on with tree T13.").wait_for()


def test_a_tree_has_names_for_a_screen_reader_and_fits_a_narrow_window(
    page, lab_address, work, picture
):
    page.set_viewport_size({"width": 480, "height": 900})
    walk_cell(page, lab_address, work)
    assert page.get_by_role("region", name=re.compile("T32")).count() == 1
    assert page.get_by_role("group", name="Answers").count() == 1
    assert page.locator('.dwcp-tree [aria-current="step"]').count() == 1
    page.get_by_text("The whole tree").click()
    box = page.locator(".dwcp-tree").bounding_box()
    assert box["width"] <= 480
    picture(page, "tree-narrow")


def test_a_prediction_is_committed_by_keyboard_and_revealed(page, lab_address, work):
    import nbformat

    cells = [
        nbformat.v4.new_code_cell("from course.notebook import predict"),
        nbformat.v4.new_code_cell(
            'guess = predict("How many?", unit="streams", low=0, high=16)\nguess'
        ),
        nbformat.v4.new_code_cell("guess.reveal(6)"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, work / "predict.ipynb")
    open_notebook(page, lab_address, "predict.ipynb")
    run_all(page)
    page.get_by_text("You made no prediction").wait_for()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Restart Kernel and Clear Outputs of All Cells…", exact=True).click()
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    page.get_by_text("You made no prediction").wait_for(state="detached")
    page.wait_for_timeout(2_000)
    page.locator(".jp-Cell").nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    entry = page.locator(
        ".widget-text input, .jp-OutputArea input[type=number], .widget-inline-hbox input"
    ).first
    entry.wait_for()
    entry.fill("16")
    entry.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Committed: 16 streams").wait_for()
    page.locator(".jp-Cell").nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.get_by_text("You said 16 streams: 10 streams more.").wait_for()

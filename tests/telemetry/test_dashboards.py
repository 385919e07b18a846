"""The dashboards: valid for Grafana, fresh on disk, answered on a lab, and drawn with what they say."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard
from promql_parser import parse

from course import figures
from course.faces.prometheus import Prometheus
from course.lab import Lab
from course.observe import silent
from course.telemetry.dashboards import BOARDS, PanelError, answered, board, panel, read, shared
from course.telemetry.dashboards.__main__ import text
from course.telemetry.dashboards.boards import scoped
from course.telemetry.dashboards.reading import range_ms
from course.telemetry.labels import make
from course.telemetry.promql import query
from course.telemetry.series import Store

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy" / "observability"
PANELS = [
    pytest.param(one, id=f"{name}: {one['title']}")
    for name in BOARDS
    for one in board(name)["panels"]
]
MINUTE = 60_000


@pytest.fixture(scope="module")
def lab():
    """A run with migrations inside a region and across."""
    lab = Lab("day-1", 4)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    for target in ("worker-2", "worker-8", "worker-1"):
        lab.run(45)
        lab.migration.start(vm="shop", target=target)
        lab.migration.wait(vm="shop")
    lab.migration.start(vm="shop", target="worker-8")
    lab.run(30 - lab.now_s % 15)
    return lab


@pytest.fixture(scope="module")
def voting():
    """A run in which workers vote, so that they have scores."""
    lab = Lab("seven-voters", 4)
    lab.run(30)
    return lab


@pytest.fixture(scope="module")
def varying():
    """A run over paths that vary, long enough for forecasts to be judged."""
    lab = Lab("changing-paths", 4)
    lab.pba.predictions(node="worker-1")
    lab.run(90)
    return lab


def shown_on(one, lab, **variables):
    return answered(one, lab.metrics.store, lab.metrics.ms(None), 10 * MINUTE, variables)


def drawn(shown):
    made = figures.panel(shown)
    made.savefig(io.BytesIO(), format="png")
    texts = [t for axes in made.axes for t in axes.texts]
    legends = [t for axes in made.axes if axes.get_legend() for t in axes.get_legend().get_texts()]
    return made, [one.get_text() for one in texts + legends]


def store_of(rows, name="dwcp_thing"):
    """Series by node: a list of values, one each 15 s up to ten minutes; None: nothing there."""
    store = Store()
    for node, values in rows.items():
        for number, value in enumerate(values):
            if value is not None:
                store.append(make({"__name__": name, "node": node}), number * 15_000, value)
    return store


def test_the_four_boards_have_their_25_panels():
    assert [len(board(name)["panels"]) for name in BOARDS] == [6, 7, 6, 6]
    with pytest.raises(ValueError, match="no dashboard is named 'sla'; there are overview"):
        board("sla")


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_what_grafanas_own_types_read(name):
    made = board(name)
    again = Dashboard.from_json(json.loads(text(name)))
    assert again.title == made["title"] and len(again.panels) == len(made["panels"])
    assert range_ms(made) == 6 * 3_600_000 and made["refresh"] == "30s"
    assert [v["name"] for v in made["templating"]["list"]] == ["cluster", "region", "node"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in made["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", BOARDS)
def test_the_files_for_grafana_are_fresh(name):
    kept = (DEPLOY / "grafana" / "dashboards" / f"{name}.json").read_text("utf-8")
    assert kept == text(name), "run python -m course.telemetry.dashboards"


@pytest.mark.parametrize("one", PANELS)
def test_every_query_parses_and_chooses_its_cluster(one):
    for target in one["targets"]:
        parse(target["expr"])
        for selector in re.findall(r"\b(?:dwcp_\w+|up)\{[^}]*\}", target["expr"]):
            assert 'cluster=~"$cluster"' in selector
    assert "$" not in "".join(target.query for target in read(one).targets)


@pytest.mark.parametrize("one", PANELS)
def test_every_query_is_answered_where_its_metrics_are_fed(one, lab, varying, voting):
    for target in one["targets"]:
        asked = set(re.findall(r"\b(?:dwcp[\w:]+|up)\b(?=[{\[\s),]|$)", target["expr"]))
        alone = dict(one, targets=[target])
        for run in (lab, varying, voting):
            if asked <= set(run.metrics.store.names()):
                assert shown_on(alone, run)["lines"], target["expr"]
                break
        else:
            fed = {name for family in lab.metrics.families() for name in family.series_names}
            assert asked - fed, f"{asked} is fed, and none of the runs has all of it"


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_drawn_with_its_span_and_all_its_panels(name, lab):
    made = board(name)
    picture = figures.board(made["title"], [shown_on(p, lab) for p in made["panels"]])
    picture.savefig(io.BytesIO(), format="png")
    assert picture.get_suptitle() == f"{made['title']}, last 10 minutes"
    titles = [axes.get_title(loc="left") for axes in picture.axes if axes.axison]
    assert titles == [one["title"] for one in made["panels"]]


def test_each_voter_is_counted_once_though_every_controller_reports_it(voting):
    scores = next(p for p in board("consensus")["panels"] if p["title"] == "Reputation")
    (bar,) = shown_on(scores, voting)["lines"]
    assert bar["name"] == "1" and bar["values"] == [7.0]


def test_a_variable_narrows_a_panel_to_one_node(lab):
    lag = next(p for p in board("consensus")["panels"] if "lag" in p["title"])
    every, one = shown_on(lag, lab)["lines"], shown_on(lag, lab, node="worker-2")["lines"]
    assert len(every) > 1 and [line["name"] for line in one] == ["worker-2"]


def test_selectors_are_narrowed_and_labels_and_recorded_names_are_left_alone():
    assert scoped("rate(dwcp_a_total[5m])", ["node"]) == 'rate(dwcp_a_total{node=~"$node"}[5m])'
    assert scoped("dwcp:hde:compression_ratio:10m", ["node"]) == "dwcp:hde:compression_ratio:10m"
    assert (
        scoped('up{job="dwcp-worker"} == 1', ["node"]) == 'up{job="dwcp-worker",node=~"$node"} == 1'
    )


def test_trouble_above_and_below_gives_each_value_its_colour():
    lag = read(panel("lag", "dwcp_thing", thresholds=(30, 60)))
    share = read(panel("share", "dwcp_thing", thresholds=(0.95, 0.9), worse="below"))
    assert [lag.colour(v) for v in (29, 30, 60)] == ["green", "yellow", "red"]
    assert [share.colour(v) for v in (0.95, 0.94, 0.89)] == ["green", "yellow", "red"]
    assert read(panel("plain", "dwcp_thing")).colour(1e9) == ""


def test_a_learners_panel_says_in_words_what_its_colours_say():
    store = store_of({"a": [5.0] * 41, "b": [70.0] * 41})
    made = panel("Lag", {"{{node}}": "dwcp_thing"}, "stat", "s", (30, 60))
    picture, said = drawn(answered(made, store, 10 * MINUTE, 10 * MINUTE))
    assert {"5 s", "a\nok", "70 s", "b\nact"} <= set(said)
    assert picture.get_supxlabel() == "Lag: act."


def test_lines_have_a_legend_units_thresholds_and_gaps_where_there_was_nothing():
    store = store_of({"a": [1.0] * 5 + [None] * 31 + [2.0] * 5})
    made = panel("Lag", {"{{node}}": "dwcp_thing"}, unit="s", thresholds=(1.5,))
    shown = answered(made, store, 10 * MINUTE, 10 * MINUTE)
    values = shown["lines"][0]["values"]
    assert any(value != value for value in values) and values[-1] == 2.0
    picture, said = drawn(shown)
    axes = picture.axes[0]
    assert axes.get_ylabel() == "s" and axes.get_xlabel() == "minutes before now"
    assert {"a", "look"} <= set(said) and [1.5, 1.5] in [
        list(line.get_ydata()) for line in axes.lines
    ]


def test_a_line_that_ended_is_no_reason_to_act_now():
    store = store_of({"a": [99.0] * 3 + [None] * 38})
    made = panel("Lag", "dwcp_thing", unit="s", thresholds=(30, 60))
    assert answered(made, store, 10 * MINUTE, 10 * MINUTE)["lines"][0]["colour"] == ""


def test_a_table_has_a_row_for_each_set_of_labels_and_a_column_for_each_query():
    store = store_of({"a": [1.0] * 41, "b": [3.0] * 41})
    made = panel("Nodes", {"value": "dwcp_thing", "twice": "2 * dwcp_thing"}, "table")
    picture, _ = drawn(answered(made, store, 10 * MINUTE, 10 * MINUTE))
    cells = picture.axes[0].tables[0].get_celld()
    text = [[cells[row, column].get_text().get_text() for column in range(3)] for row in range(3)]
    assert text == [["node", "value", "twice"], ["a", "1", "2"], ["b", "3", "6"]]


def test_a_heat_map_shows_what_fell_into_each_bucket():
    store = Store()
    for le, most in (("1", 2.0), ("5", 5.0), ("+Inf", 6.0)):
        for number in range(41):
            at, value = number * 15_000, most * number
            store.append(make({"__name__": "dwcp_x_seconds_bucket", "le": le}), at, value)
    made = panel("Spread", "sum by (le) (increase(dwcp_x_seconds_bucket[1m]))", "heatmap", "s")
    picture, _ = drawn(answered(made, store, 10 * MINUTE, 5 * MINUTE))
    rows = picture.axes[0].collections[0].get_array().reshape(3, -1)
    assert [round(float(row[-1])) for row in rows] == [8, 12, 4]
    labels = [tick.get_text() for tick in picture.axes[0].get_yticklabels()]
    assert labels == ["<= 1", "<= 5", "<= +Inf"]


def test_without_an_answer_a_panel_says_no_data():
    picture, said = drawn(answered(panel("Lag", "dwcp_nothing"), Store(), MINUTE, MINUTE))
    assert said == ["no data"] and "No data: Lag" in picture.get_supxlabel()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": " "}, "needs a title"),
        ({"queries": {}}, "at least one query"),
        ({"queries": {"a": " "}}, "none of them empty"),
        ({"view": "pie"}, "no view is 'pie'; there are stat, timeseries"),
        ({"unit": "seconds"}, r"no unit is 'seconds'; there are .* s \(seconds\)"),
        ({"thresholds": (60, 30)}, "must rise"),
        ({"thresholds": (30, 60), "worse": "below"}, "must fall"),
        ({"thresholds": (1, 2, 3)}, "at most two"),
        ({"worse": "beside"}, "above or below"),
    ],
)
def test_a_wrong_panel_is_refused_in_words(wrong, said):
    with pytest.raises(ValueError, match=said):
        panel(**{"title": "Lag", "queries": "up", **wrong})


def stepped(steps):
    thresholds = {"fieldConfig": {"defaults": {"thresholds": {"steps": steps}}}}
    return {"type": "stat", "title": "x", "targets": [{"expr": "up"}], **thresholds}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "a panel is Grafana's JSON"),
        ({"type": "piechart", "title": "x"}, "'piechart' is not drawn here; stat"),
        ({"type": "stat", "title": "x"}, "'x' has no query"),
        ({"type": "stat", "title": "x", "targets": [{"refId": "A"}]}, "target A has no PromQL"),
        ({"type": "stat", "title": "x", "targets": "up"}, "'x' has no query"),
        ({"type": "stat", "title": "x", "targets": ["up"]}, "target . has no PromQL"),
        ({"type": ["stat"]}, "a panel is Grafana's JSON"),
        (stepped([{"color": "red"}, {"color": "green"}]), "only the first has no value"),
        (stepped(["red"]), "list of value and color"),
        (stepped([{"color": "a"}, {"color": "b", "value": 2}, {"color": "c", "value": 1}]), "rise"),
    ],
)
def test_what_is_no_panel_is_refused_in_words(wrong, said):
    with pytest.raises(PanelError, match=said):
        read(wrong)


def test_the_files_of_the_real_stack_fit_each_other(lab):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    mounts = [v for s in compose["services"].values() for v in s.get("volumes", ())]
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith(".")):
        assert (DEPLOY / source).exists(), source
    provision = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provision / "datasources" / "prometheus.yaml").read_text("utf-8"))
    known = {source["uid"] for source in sources["datasources"]}
    asked = {one["datasource"]["uid"] for name in BOARDS for one in board(name)["panels"]}
    assert asked <= known
    jobs = {node.target["job"] for node in lab.metrics.monitor.targets()}
    named = {j for n in BOARDS for p in board(n)["panels"] for t in p["targets"]
             for j in re.findall(r'job="([a-z-]+)"', t["expr"])}  # fmt: skip
    assert named <= jobs


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_takes_its_configuration_with_the_rules(tmp_path):
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    rules = str(ROOT / "course" / "catalogue" / "rules")
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/rules", rules), "utf-8")
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == 2


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_a_real_prometheus_answers_every_panel_as_the_notebook_does(lab):
    end = lab.metrics.scraped_at
    queries = {t.query for name in BOARDS for p in board(name)["panels"] for t in read(p).targets}
    with Prometheus(lab.metrics.store) as server:
        for one in sorted(queries):
            theirs, ours = server.query(one, end), query(lab.metrics.store, one, end)
            values = [{line.labels: line.value for line in side.lines} for side in (ours, theirs)]
            assert values[0].keys() == values[1].keys(), one
            for labels, value in values[0].items():
                assert values[1][labels] == pytest.approx(value, rel=1e-9, nan_ok=True), one


def test_a_dashboard_for_others_is_bound_to_no_source_but_grafanas_own():
    made = board("network")
    before = json.dumps(made)
    export = shared(made)
    assert json.dumps(made) == before
    panels, variables = export["panels"], export["templating"]["list"]
    assert {one["datasource"]["uid"] for one in [*panels, *variables]} == {"${DS_PROMETHEUS}"}
    assert [one["name"] for one in export["__inputs"]] == ["DS_PROMETHEUS"]
    (own,) = export["annotations"]["list"]
    assert own["datasource"]["uid"] == "-- Grafana --" and export["uid"] == made["uid"]
    assert Dashboard.from_json(export).title == made["title"]


def test_an_idle_cluster_fills_12_of_25_panels_and_empty_variables_leave_one_that_says_0():
    lab = Lab("lab-2-dashboards", 1)
    lab.run(30)
    idle = silent(lab)
    assert len(idle) == 13 and {"dashboard": "VM Migration", "panel": "Success rate"} in idle
    blind = {row["panel"] for row in silent(lab, cluster="")}
    assert len(blind) == 24 and "Cluster health" not in blind

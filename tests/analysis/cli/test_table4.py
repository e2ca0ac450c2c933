"""``evaluate table4`` from the command line to the table: what is kept, what is refused, what is not claimed."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path

import pytest

from analysis.cli import main as cli
from analysis.lab.rows import read_csv
from analysis.pretrained import infilling
from analysis.pretrained.infilling import scored
from analysis.pretrained.items import InfillItem
from analysis.pretrained.journal import Journal, seed_of, settle
from analysis.pretrained.paper_table import RULES, TASKS
from analysis.pretrained.programs import NOT_EXECUTED
from analysis.pretrained.scores import ItemScore, lead
from lo_theory.estimate import wilson_interval
from tests.analysis.pretrained.tiny_text_models import of_its_own
from tests.lo_theory.denoisers.tiny_models import modules_in

CODE = [
    {
        "task_id": f"Single/{i}", "prompt": "def f(x):\n", "suffix": "    return y", "entry_point": "f",
        "canonical_solution": f"    y = {i}\n",
        "test": f"def check(candidate):\n    assert candidate(1) == {i}",
    }
    for i in range(3)
]  # fmt: skip
STORIES = [{f"sentence{j}": f"It was {i} and {j}." for j in range(1, 6)} for i in range(2)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("transformers")
    with modules_in(tmp_path_factory.mktemp("modules")):
        yield of_its_own("llada", tmp_path_factory.mktemp("model"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("code.jsonl").write_text("".join(json.dumps(record) + "\n" for record in CODE))
    with Path("stories.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, STORIES[0])
        writer.writeheader()
        writer.writerows(STORIES)
    return tmp_path


def run(model, task, *words):
    """Exit code of a call, whichever way it comes."""
    asked = ("evaluate", "table4", "--model", model, "--trust-remote-code", "--task", task, "--out", "out", *words)
    try:
        return cli.main([str(word) for word in asked])
    except SystemExit as stopped:
        return stopped.code


def items_of(folder="out"):
    with Path(folder, "items.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class TestCode:
    def test_nothing_runs_unless_it_is_asked_for_and_then_nothing_is_answered_again(
        self, model, here, capsys, monkeypatch
    ):
        monkeypatch.setattr(infilling, "run_program", None)  # calling it would be an error
        call = (model, "humaneval-single", "--items", "code.jsonl")
        assert run(*call) == 0
        said = capsys.readouterr().out
        assert [item["executed"] for item in items_of()] == [NOT_EXECUTED] * 9
        assert "passed" not in items_of()[0]
        assert not read_csv(Path("out/table.csv")).where(metric="passed")
        lines = [line.split() for line in said.splitlines()]
        assert ["margin", "passed", "-", "-", "-", "-", "33.5"] in lines
        assert f"Programs: {NOT_EXECUTED}" in said
        assert "does not state the checkpoint" in " ".join(said.split())
        answers = Path("out/answers.jsonl").read_bytes()
        monkeypatch.undo()
        monkeypatch.chdir(here)
        assert run(*call, "--execute-code") == 0
        assert "Code runs with limits" in capsys.readouterr().out
        assert Path("out/answers.jsonl").read_bytes() == answers
        assert {item["executed"].partition(":")[0] for item in items_of()} <= {"failed", "passed"}
        (row,) = read_csv(Path("out/table.csv")).where(metric="passed", decoder="margin")
        assert row.interval == pytest.approx(wilson_interval(round(3 * row.value), 3))
        assert (row.samples, row.calls, row.distribution) == (3, 10, "HumanEval-Single")

    def test_an_interrupted_run_goes_on_to_the_same_answers(self, model, here):
        call = (model, "humaneval-single", "--items", "code.jsonl")
        assert run(*call) == 0
        path = Path("out/answers.jsonl")
        whole, table = path.read_bytes(), Path("out/items.csv").read_bytes()
        path.write_bytes(whole[: whole.index(b"\n", len(whole) // 2) + 20])  # in the middle of a line
        assert run(*call) == 0
        assert path.read_bytes() == whole
        assert Path("out/items.csv").read_bytes() == table
        assert run(*call, "--limit", 1, "--rule", "margin") == 0  # an answer does not depend on what else is asked
        (first,) = items_of()
        assert [first] == [item for item in csv.DictReader(table.decode().splitlines()) if item["rule"] == "margin"][:1]
        assert path.read_bytes() == whole

    def test_settings_are_kept_and_others_refused(self, model, here, capsys):
        call = (model, "humaneval-multi", "--items", "code.jsonl", "--limit", 1, "--rule", "vanilla")
        assert run(*call, "--seed", 3, "--steps", 4) == 0
        settings = json.loads(Path("out/settings.json").read_text())
        kept = {name: settings["decides"][name] for name in ("task", "seed", "steps", "loop", "temperature", "dtype")}
        assert kept == {
            "task": "humaneval-multi", "seed": 3, "steps": 4, "loop": "llada", "temperature": 0.0, "dtype": "float32",
        }  # fmt: skip
        assert settings["decides"]["model"]["name"] == model.name
        assert settings["beside"]["rules"] == ["vanilla"]
        assert settings["beside"]["versions"]["transformers"] != "unknown"
        assert str(here) not in json.dumps(settings)
        assert str(model.parent) not in json.dumps(settings)
        assert items_of()[0]["calls"] == "4"
        capsys.readouterr()
        assert run(*call, "--seed", 4, "--steps", 4) == 2
        assert capsys.readouterr().err == (
            "lo-theory: out holds answers with seed 3 and not 4. Take the same settings, or another --out.\n"
        )


def test_a_story_is_scored_by_what_it_shares(model, here, capsys):
    assert run(model, "rocstories", "--items", "stories.csv", "--sentences", 2, 3, "--loop", "dream", "--steps", 5) == 0
    names = ("exact_span", "rouge_1", "rouge_2", "rouge_l")
    assert all(0 <= float(item[name]) <= 1 for item in items_of() for name in names)
    assert {item["calls"] for item in items_of()} == {"5"}
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    beside = {line[0]: line[-1] for line in lines if line[1:2] == ["rouge_l"]}
    assert beside == {"vanilla": "21.23", "top-probability": "21.1", "margin": "21.41"}


@pytest.mark.parametrize(
    ("task", "words", "named"),
    [
        ("humaneval-single", (), "takes its items from --items FILE or --hub NAME"),
        ("humaneval-single", ("--items", "code.jsonl", "--hub", "a/b"), "one of them"),
        ("humaneval-single", ("--items", "nowhere.jsonl"), "nowhere.jsonl"),
        ("humaneval-single", ("--items", "stories.csv"), "the field 'task_id' is missing"),
        (
            "humaneval-single",
            ("--items", "code.jsonl", "--block", "4"),
            "--block is no option of --task humaneval-single",
        ),
        ("humaneval-single", ("--items", "code.jsonl", "--steps", "0"), "--steps"),
        ("humaneval-single", ("--items", "code.jsonl", "--temperature", "-1"), "--temperature"),
        ("humaneval-single", ("--items", "code.jsonl", "--rule", "margin", "margin"), "names each rule once"),
        ("humaneval-single", ("--items", "code.jsonl", "--device", "nonesuch"), "--device nonesuch"),
        ("rocstories", ("--items", "stories.csv", "--execute-code"), "it runs no code"),
        ("rocstories", ("--items", "stories.csv", "--sentences", "1", "3"), "consecutive"),
        ("gsm8k", ("--hub", "a/b"), "--hub is no option of --task gsm8k"),
        ("gsm8k", ("--items", "code.jsonl", "--few-shot", "0"), "the field 'question' is missing"),
    ],
)
def test_what_cannot_be_is_said_in_a_line_before_anything_is_loaded(task, words, named, here, capsys):
    assert run("./nowhere", task, *words) == 2
    said = capsys.readouterr()
    assert named in said.err
    assert said.err.count("\n") == 1
    assert not Path("out").exists()


def test_a_wrong_model_leaves_no_directory(here, capsys):
    assert run("./nowhere", "humaneval-single", "--items", "code.jsonl") == 2
    assert capsys.readouterr().err == "lo-theory: --model ./nowhere: there is no such folder.\n"
    assert not Path("out").exists()


def test_without_lm_eval_its_tasks_say_what_to_install(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    assert run("./nowhere", "math") == 2
    said = capsys.readouterr().err
    assert "--task math needs lm-eval[math], which is not installed: pip install 'lo-theory[lm-eval]'." in said
    assert "Infilling does without it." in said


def test_an_item_longer_than_the_model_is_named_before_the_first_is_answered(model, here, capsys):
    Path("code.jsonl").write_text(
        "".join(json.dumps(r) + "\n" for r in [*CODE, {**CODE[0], "task_id": "L", "suffix": "x" * 400}])
    )
    assert run(model, "humaneval-single", "--items", "code.jsonl") == 2
    assert "item 'L' has 420 tokens, and the model has room for 400" in capsys.readouterr().err
    assert not Path("out/answers.jsonl").exists()


def test_a_right_program_passes_and_is_run_once(tmp_path, monkeypatch):
    item = InfillItem("k", "def f(x):\n", "    y = 1\n", "    return y", "def check(f):\n    assert f(0) == 1", "f")
    verdicts = Journal(tmp_path / "programs.jsonl")

    def judged(text):
        return scored("code", item, {"completion": text, "exact": False, "tokens": 3, "calls": 3}, "margin", verdicts)

    assert judged("    y = x + 1\n").scores == {"exact_span": 0.0, "passed": 1.0}
    wrong = judged("    y = x\n")
    assert (wrong.scores["passed"], wrong.executed) == (0.0, "failed: AssertionError: ")
    monkeypatch.setattr(infilling, "run_program", None)
    verdicts = Journal(tmp_path / "programs.jsonl")
    assert judged("    y = x\n") == wrong


def test_a_journal_keeps_whole_lines_and_names_damaged_ones(tmp_path):
    path = tmp_path / "a.jsonl"
    journal = Journal(path)
    journal.add("a", {"text": "é\n"})
    journal.add("b", {"text": ""})
    assert Journal(path).done == {"a": {"text": "é\n"}, "b": {"text": ""}}
    path.write_bytes(b"{broken\n" + path.read_bytes())
    with pytest.raises(ValueError, match="line 1 is damaged"):
        Journal(path)
    assert seed_of(0, "a") != seed_of(0, "b") != seed_of(1, "b")


def test_settings_hold_from_the_first_answer_on(tmp_path):
    settle(tmp_path, {"steps": 1}, {}, begun=False)
    settle(tmp_path, {"steps": 2}, {}, begun=False)
    with pytest.raises(ValueError, match="steps 2 and not 1"):
        settle(tmp_path, {"steps": 1}, {}, begun=True)
    settle(tmp_path, {"steps": 2}, {"limit": 5}, begun=True)
    assert json.loads((tmp_path / "settings.json").read_text())["beside"] == {"limit": 5}


@pytest.mark.parametrize("content", ["[]", '"x"', "{}", '{"decides": []}'])
def test_damaged_settings_are_named(content, tmp_path):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match=r"settings\.json is damaged: .* or take another --out"):
        settle(tmp_path, {"steps": 1}, {}, begun=True)
    assert (tmp_path / "settings.json").read_text() == content
    settle(tmp_path, {"steps": 1}, {}, begun=False)


def test_answers_without_their_settings_are_not_gone_on_from(model, here, capsys):
    call = (model, "humaneval-single", "--items", "code.jsonl", "--limit", 1, "--rule", "margin")
    assert run(*call) == 0
    Path("out/settings.json").unlink()
    capsys.readouterr()
    assert run(*call, "--seed", 9) == 2
    assert capsys.readouterr().err == (
        "lo-theory: out holds answers and no settings.json, so nothing says which settings they are for. Put the file "
        "back, or take another --out.\n"
    )
    assert not Path("out/settings.json").exists()


def test_answers_without_their_fields_are_named(model, here, capsys):
    call = (model, "humaneval-single", "--items", "code.jsonl", "--limit", 1, "--rule", "margin")
    assert run(*call) == 0
    Path("out/answers.jsonl").write_text('{"key": "margin Single/0", "completion": "x"}\n')
    capsys.readouterr()
    assert run(*call) == 2
    assert (
        "answers.jsonl: the answer 'margin Single/0' has no 'exact' of type bool; got None." in capsys.readouterr().err
    )


def test_a_verdict_without_its_fields_is_named(tmp_path):
    item, answer = InfillItem("k", "a", "b", "c"), {"completion": "b", "exact": True, "tokens": 1, "calls": 1}
    digest = hashlib.sha256(item.program("b").encode()).hexdigest()[:32]
    verdicts = Journal(tmp_path / "programs.jsonl")
    verdicts.add(digest, {"passed": True})
    with pytest.raises(ValueError, match=rf"programs\.jsonl: the answer '{digest}' has no 'why' of type str"):
        scored("code", item, answer, "margin", verdicts)


def test_the_papers_numbers():
    """Typed once more, column by column as in the paper's table."""
    rows = zip(*([task.paper[rule] for rule in RULES] for task in TASKS.values() if task.paper), strict=True)
    assert [list(row) for row in rows] == [
        [31.8, 16.5, 14.2, 28.5, 33.2, 21.23],
        [32.9, 20.8, 18.4, 31.3, 36.5, 21.10],
        [33.5, 25.4, 22.3, 34.3, 35.4, 21.41],
    ]
    assert lead(TASKS["mmlu"], ["exact_match, get_response"]) == "exact_match, get_response"
    assert lead(TASKS["math"], ["math_verify", "exact_match"]) == "exact_match"
    assert ItemScore("margin", "a", 1, 1, "", {}).executed == ""

"""Items from files, and what two texts have in common."""

from __future__ import annotations

import gzip
import json
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.pretrained.items import InfillItem, code_items, hub_records, read_records, story_items
from analysis.pretrained.rouge import rouge

PUBLISHED = {
    "task_id": "test/0", "prompt": "def return1():\n", "suffix": "1", "canonical_solution": "    return ",
    "test": "def check(candidate):\n    assert candidate() == 1", "entry_point": "return1",
}  # fmt: skip
STORY = {f"sentence{i}": f"This is {i}." for i in range(1, 6)}


def placed(*records):
    return [(f"line {i}", record) for i, record in enumerate(records)]


class TestFiles:
    @pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
    def test_json_lines(self, name, tmp_path):
        text = f"{json.dumps(PUBLISHED)}\n\n{json.dumps(PUBLISHED | {'task_id': 'é'})}"
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
        items = code_items(read_records(tmp_path / name))
        assert [item.key for item in items] == ["test/0", "é"]
        assert items[0].program("XX") == "def return1():\nXX1\n" + PUBLISHED["test"] + "\ncheck(return1)"

    def test_csv(self, tmp_path):
        (tmp_path / "a.csv").write_text(
            "\ufeffstoryid,sentence1,sentence2,sentence3,sentence4,sentence5\n7,A.,B.,C.,D.,E.\n"
        )
        assert story_items(read_records(tmp_path / "a.csv")) == [InfillItem("7", "A. B.", " C.", " D. E.")]

    def test_both_halves_of_a_character_are_one(self, tmp_path):
        (tmp_path / "a.jsonl").write_text(r'{"a": "\ud83d\ude00"}')
        assert [record for _, record in read_records(tmp_path / "a.jsonl")] == [{"a": "\U0001f600"}]

    def test_a_comma_in_quotes_a_blank_line_and_columns_without_a_name(self, tmp_path):
        (tmp_path / "a.csv").write_text('a,b,,\r\n\r\n"1, 2",3,,\r\n')
        assert list(read_records(tmp_path / "a.csv")) == [(f"{tmp_path / 'a.csv'}, line 3", {"a": "1, 2", "b": "3"})]

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.txt", b"", "items are .jsonl"),
            ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is not valid JSON"),
            ("a.jsonl", b"[1]\n", "line 1: an item is a JSON object; got list"),
            ("a.csv", b"\xff\xfe\xff", "no text in UTF-8"),
            ("a.csv", b"a,b\n1,2\n\n1,2,3\n", r"a\.csv, line 4: 3 cells under 2 columns.* in quotes"),
            ("a.csv", b'a,b\n"1\n2"\n', r"a\.csv, line 3: 1 cells under 2 columns"),
            ("a.csv", b"a,b,a\n1,2,3\n", r"a\.csv, line 1: two columns are called 'a'"),
            ("a.csv", b"a\n1\n" + b"x" * 140_000, r"a\.csv, line 3 is no CSV: field larger"),
            ("a.jsonl.gz", gzip.compress(b"{}" * 99, mtime=0)[:20], r"a\.jsonl\.gz is no whole gzip file: .*end"),
            ("a.jsonl.gz", b"{}\n", r"a\.jsonl\.gz is no whole gzip file: Not a gzipped"),
            (
                "a.jsonl.gz",
                gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20,
                r"a\.jsonl\.gz is no whole gzip file: Error -3",
            ),
            ("a.jsonl", b'{}\n{"a": ["x\\ud83d"]}\n', r"a\.jsonl, line 2: '\\ud83d' is half a character"),
            ("a.jsonl", b'{"\\udc00": 1}\n', r"a\.jsonl, line 1: '\\udc00' is half a character"),
        ],
    )
    def test_what_is_no_file_of_items(self, name, content, words, tmp_path):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=words):
            list(read_records(tmp_path / name))

    def test_the_hub(self, monkeypatch):
        asked = []

        def load_dataset(*words, **options):
            asked.append((words, options))
            return [PUBLISHED]

        library = types.ModuleType("datasets")
        library.load_dataset = load_dataset
        monkeypatch.setitem(sys.modules, "datasets", library)
        assert code_items(hub_records("some/name:Part@train"))[0].key == "test/0"
        list(hub_records("some/name"))
        assert asked == [(("some/name", "Part"), {"split": "train"}), (("some/name", None), {"split": "test"})]


class TestItems:
    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ([], "there are no items"),
            (
                [{k: v for k, v in PUBLISHED.items() if k != "suffix"}],
                "line 0: the field 'suffix' is missing; there are",
            ),
            ([PUBLISHED | {"test": 3}], "the field 'test' is a text; got int"),
            ([PUBLISHED, PUBLISHED], "two items are called 'test/0'"),
            ([PUBLISHED | {"canonical_solution": ""}], "hides nothing"),
        ],
    )
    def test_what_is_no_item(self, records, words):
        with pytest.raises(ValueError, match=words):
            code_items(placed(*records))

    @pytest.mark.parametrize("hidden", [(1,), (3,), (2, 3, 4), (5,), (1, 2, 3, 4)])
    def test_a_story_is_its_pieces(self, hidden):
        (item,) = story_items(placed(STORY), hidden)
        assert item.before + item.hidden + item.after == "This is 1. This is 2. This is 3. This is 4. This is 5."
        assert item.hidden.strip().split(". ") == " ".join(STORY[f"sentence{i}"] for i in hidden).split(". ")
        assert story_items(placed({"sentences": list(STORY.values())}), hidden) == [item]

    @pytest.mark.parametrize("hidden", [(), (0,), (6,), (1, 3), (3, 2), (1, 2, 3, 4, 5)])
    def test_other_sentences_are_refused(self, hidden):
        with pytest.raises(ValueError, match="consecutive"):
            story_items(placed(STORY), hidden)

    def test_other_stories_are_refused(self):
        with pytest.raises(ValueError, match="list of 5 texts"):
            story_items(placed({"sentences": ["a"]}))
        with pytest.raises(ValueError, match="'sentence5' is missing"):
            story_items(placed({k: v for k, v in STORY.items() if k != "sentence5"}))


words = st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join)


class TestRouge:
    @settings(max_examples=25)
    @given(left=words, right=words)
    def test_symmetric_in_range_and_one_for_the_same(self, left, right):
        scores = rouge(left, right)
        assert scores == rouge(right, left) == rouge(left.upper() + "!", f"({right})")
        assert all(0 <= value <= 1 for value in scores.values())
        assert rouge(left, left)["rouge_l"] == (1 if left else 0)
        assert scores["rouge_l"] <= scores["rouge_1"] + 1e-12  # a common subsequence is made of common words

    @settings(max_examples=25)
    @given(left=words, right=words)
    def test_the_longest_common_subsequence_by_brute_force(self, left, right):
        a, b = left.split(), right.split()
        subsets = [[w for i, w in enumerate(a) if mask >> i & 1] for mask in range(1 << len(a))]

        def inside(some):
            rest = iter(b)
            return all(word in rest for word in some)

        longest = max(len(some) for some in subsets if inside(some))
        assert rouge(left, right)["rouge_l"] == (2 * longest / (len(a) + len(b)) if longest else 0)

    def test_known_values(self):
        scores = rouge("the the cat", "the cat the the")
        assert scores == pytest.approx({"rouge_1": 6 / 7, "rouge_2": 4 / 5, "rouge_l": 4 / 7}, abs=1e-12)
        assert rouge("", "a") == dict.fromkeys(scores, 0.0)
        assert rouge("it's 5", "it s 5")["rouge_2"] == 1

"""Films: frames that tell what decoding did, and nothing else."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.films.files import write_film
from analysis.films.film import Film, Layout, Note, film, sequence_layout
from analysis.films.page import film_page
from analysis.films.picture import cell_colour, draw_frame, film_gif
from analysis.films.terminal import play, render
from generators import nae_sat
from lo_theory.denoisers.oracle import PosteriorDenoiser
from lo_theory.posteriors.enumeration import EnumeratedPosterior
from lo_theory.samplers.decoder import margin, path_planning
from lo_theory.samplers.decoding import decode

NAE = nae_sat(3, 5, structure_seed=0)
TRUTH = PosteriorDenoiser(EnumeratedPosterior(NAE))
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shot(rows: int = 3, row: int = 1, given: bool = True):
    """A film of one row of a batch whose first latent is given, and the decoded tokens of that row."""
    start = torch.full((rows, NAE.length), NAE.mask_id)
    if given:
        start[:, 0] = 1
    done = decode(TRUTH, start, margin(), seeded())
    return film("NAE", start[row].numpy(), done.trace, row, sequence_layout(NAE, 4), NAE.mask_id), done.tokens[row]


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def annotated() -> Film:
    """A film with headings, a note for every step and a token that is wrong in the last frame."""
    reel, _ = shot()
    layout = replace(reel.layout, headings=("a", "b", "c", "d"))
    frames = [
        replace(frame, notes=(Note(f"note <{n}>", wrong=n == 7),) if n else (), wrong=(2,) if n == 7 else ())
        for n, frame in enumerate(reel.frames)
    ]
    return Film(reel.title, layout, tuple(frames), "heading & all")


class TestFrames:
    def test_the_last_frame_is_the_decoded_row_and_the_first_what_was_given(self):
        reel, tokens = shot()
        np.testing.assert_array_equal(reel.frames[-1].tokens, tokens.numpy())
        assert reel.frames[0].cells == ("given",) + ("masked",) * (NAE.length - 1)

    def test_each_step_reveals_one_token_that_is_there_from_then_on(self):
        reel, _ = shot()
        assert len(reel.frames) == NAE.length
        for before, after in zip(reel.frames, reel.frames[1:], strict=False):
            assert after.cells.count("now") == 1
            assert before.cells.count("masked") == after.cells.count("masked") + 1
            kept = before.tokens >= 0
            np.testing.assert_array_equal(before.tokens[kept], after.tokens[kept])
            assert (after.order[[c == "now" for c in after.cells]] == after.order.max()).all()

    def test_confidence_is_the_denoisers_probability_at_the_step(self):
        reel, tokens = shot(given=False)
        for before, after in zip(reel.frames, reel.frames[1:], strict=False):
            now = after.cells.index("now")
            visible = np.where(before.tokens < 0, NAE.mask_id, before.tokens)
            answers = TRUTH(torch.from_numpy(visible)[None])[0, now].exp()
            assert after.confidence[now] == pytest.approx(float(answers[tokens[now]]), abs=1e-12)
        assert np.isnan(reel.frames[0].confidence).all()

    def test_tokens_that_are_masked_again_disappear(self):
        start = torch.full((40, NAE.length), NAE.mask_id)
        done = decode(TRUTH, start, path_planning(NAE.length, doubt=4.0), seeded(3))
        row = int(done.trace.remasked().sum(dim=1).argmax())
        assert done.trace.remasked()[row].sum() > 0
        reel = film("P2", start[row].numpy(), done.trace, row, sequence_layout(NAE), NAE.mask_id)
        losses = [
            ((before.tokens >= 0) & (after.tokens < 0)).sum()
            for before, after in zip(reel.frames, reel.frames[1:], strict=False)
        ]
        assert sum(losses) == done.trace.remasked()[row].sum()
        np.testing.assert_array_equal(reel.frames[-1].tokens, done.tokens[row].numpy())

    def test_other_rows_do_not_show(self):
        """The film of a row alone is its film in a batch: every step reveals one token of each row."""
        alone, _ = shot(rows=3, row=2)
        assert all(frame.cells.count("now") <= 1 for frame in alone.frames)

    def test_what_does_not_fit_is_refused(self):
        start = torch.full((1, NAE.length), NAE.mask_id)
        trace = decode(TRUTH, start, margin(), seeded()).trace
        with pytest.raises(ValueError, match=r"rows 0\.\.0; got row 1"):
            film("x", start[0].numpy(), trace, 1, sequence_layout(NAE), NAE.mask_id)
        with pytest.raises(ValueError, match="one length; got 7, 8 and 8"):
            film("x", start[0, :7].numpy(), trace, 0, sequence_layout(NAE), NAE.mask_id)
        with pytest.raises(ValueError, match=r"every position 0\.\.2 once"):
            Layout(((0, 1), (1,)), ("a", "b"), ("0", "1"))
        with pytest.raises(ValueError, match="as many names"):
            Layout(((0, 1),), (), ("0", "1"))
        with pytest.raises(ValueError, match="2 columns need as many headings; got 1"):
            Layout(((0, 1),), ("",), ("0", "1"), headings=("a",))


class TestTerminal:
    def test_colours_and_plain_text_say_the_same(self):
        reel, _ = shot()
        for frame in reel.frames:
            assert ANSI.sub("", render(frame, reel.layout)) == render(frame, reel.layout, colour=False)

    def test_a_pipe_gets_the_last_frame_without_colours(self):
        reel, tokens = shot()
        out = io.StringIO()
        play(reel, out)
        assert "\x1b" not in out.getvalue()
        shown = re.findall(r"\b[01]\b", out.getvalue().split("step")[0])
        in_lines = [int(tokens[p]) for line in reel.layout.lines for p in line]
        assert [int(s) for s in shown] == in_lines

    def test_a_terminal_gets_every_frame(self):
        reel, _ = shot()
        screen = Screen()
        play(reel, screen, seconds=0.0)
        assert all(frame.caption in screen.getvalue() for frame in reel.frames)


class TestFiles:
    def test_the_page_holds_every_frame(self):
        reel, tokens = shot()
        page = film_page(reel).decode()
        frames = json.loads(re.search(r"const frames = (.*);\n", page)[1])
        assert len(frames) == len(reel.frames)
        assert frames[-1]["text"] == [str(int(t)) for t in tokens]
        assert "http" not in page.replace("http-equiv", "")

    def test_a_title_cannot_break_the_page(self):
        reel, _ = shot()
        page = film_page(type(reel)("<script>alert(1)</script>", reel.layout, reel.frames)).decode()
        assert "<script>alert" not in page

    def test_the_gif_has_every_frame(self):
        reel, _ = shot()
        with Image.open(io.BytesIO(film_gif(reel, dpi=40))) as picture:
            assert picture.n_frames == len(reel.frames)

    def test_the_suffix_decides(self, tmp_path):
        reel, _ = shot()
        write_film(reel, tmp_path / "a.html")
        assert (tmp_path / "a.html").read_bytes().startswith(b"<!DOCTYPE html>")
        with pytest.raises(ValueError, match=r"\.html or \.gif; got .*a\.mp4"):
            write_film(reel, tmp_path / "a.mp4")
        assert not (tmp_path / "a.mp4").exists()


class TestNotes:
    def test_a_wide_terminal_has_the_latest_beside_the_picture(self):
        screen = Screen()
        play(annotated(), screen, seconds=0.0, columns=80)
        last = ANSI.sub("", screen.getvalue()).split("\n")[-7:]
        assert last == [
            "             a b c d   heading & all",
            "latents      1 1 0!    note <4>",
            "                       note <5>",
            "observations 1 1 1 1   note <6>",
            "             1         note <7>",
            "step 7: 1 revealed",
            "",
        ]

    def test_a_narrow_terminal_has_none(self):
        for columns, shown in ((36, True), (35, False)):
            screen = Screen()
            play(annotated(), screen, seconds=0.0, columns=columns)
            assert ("note <7>" in screen.getvalue()) is shown

    def test_the_latest_are_told_apart_by_whose_they_are(self):
        reel = annotated()
        shown = reel.notes_until(reel.frames[3], 2)
        assert [(note.text, now) for note, now in shown] == [("note <2>", False), ("note <3>", True)]
        assert reel.notes_until(reel.frames[0]) == []
        assert len(reel.notes_until(reel.frames[7])) == 7

    def test_a_pipe_gets_them_all(self):
        out = io.StringIO()
        play(annotated(), out)
        assert out.getvalue().split("\n")[-9:-1] == ["heading & all", *(f"note <{n}>" for n in range(1, 8))]
        assert "1 1 0!" in out.getvalue()

    def test_only_what_has_them_shows_them(self):
        plain, _ = shot()
        assert plain.notes_width == 0
        page, noted = (film_page(reel).decode() for reel in (plain, annotated()))
        assert 'class="notes"' not in page
        assert "wrong!" not in page
        assert noted.count("<li ") == 7
        assert '<li data-frame="7" class=wrong>note &lt;7&gt;</li>' in noted
        assert "heading &amp; all" in noted
        assert "wrong!</span>" in noted

    def test_a_wrong_token_is_red_and_marked(self):
        reel = annotated()
        colours = {cell_colour(frame, 2) for frame in reel.frames[:-1]}
        assert cell_colour(reel.frames[-1], 2) not in colours
        frames = json.loads(re.search(r"const frames = (.*);\n", film_page(reel).decode())[1])
        assert [frame["wrong"] for frame in frames] == [[]] * 7 + [[2]]
        assert frames[-1]["tip"][2].endswith(", wrong")
        written = [text.get_text() for text in draw_frame(reel, reel.frames[-1]).axes[0].texts]
        assert written.count("!") == 1

    def test_the_gif_has_the_latest_beside_the_picture(self):
        reel, (plain, _) = annotated(), shot()
        figure, narrow = draw_frame(reel, reel.frames[3]), draw_frame(plain, plain.frames[3])
        written = [text.get_text() for text in figure.axes[0].texts]
        assert [text for text in written if "<" in text] == ["note <1>", "note <2>", "note <3>"]
        assert "heading & all" in written
        assert figure.get_figwidth() != narrow.get_figwidth()

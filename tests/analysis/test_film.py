"""Films: frames that tell what decoding did, and nothing else."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.planning.film import Layout, film, sequence_layout
from analysis.planning.film_files import film_gif, film_page, write_film
from analysis.planning.film_terminal import play, render
from generators import nae_sat
from lo_theory.oracle import PosteriorDenoiser
from lo_theory.posteriors.posterior import EnumeratedPosterior
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
        class Screen(io.StringIO):
            def isatty(self) -> bool:
                return True

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

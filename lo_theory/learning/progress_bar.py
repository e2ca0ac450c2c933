"""The bar of a training, with the time left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from lo_theory.learning.log import StepRecord


@contextlib.contextmanager
def progress_bar(steps: int, first: int, shown: bool) -> Iterator[Callable[[StepRecord], None]]:
    """Yields a function to call with each record: it moves the bar if that is shown, and does nothing else.

    Args:
        steps: in all.
        first: those that were finished before.
    """
    if not shown:
        yield lambda record: None
        return
    from tqdm import tqdm

    with tqdm(total=steps, initial=first, unit="step", dynamic_ncols=True) as bar:

        def advance(record: StepRecord) -> None:
            bar.set_postfix(loss=f"{record.loss_nats:.3f}", refresh=False)
            bar.update()

        yield advance

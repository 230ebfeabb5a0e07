"""A task that is killed, or paused, at each of its boundaries in turn, each time in a world of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from tests.registration import acts
from tests.registration.simulation import Process, World, run_to


def killed_at_each(
    prepare: Callable[[], World], act: Callable[..., Process], *, more_than: int = 10, is_end_given: bool = False
) -> Iterator[tuple[World, Process]]:
    """Give each world with the task that was killed in it.

    :param prepare: returns the world as the task finds it.
    :param act: runs the task, given the world and ``kill_at``.
    :param more_than: the task has more boundaries than that.
    :param is_end_given: give the world in which it came to its end as well, as the last one.
    """
    for at in itertools.count():
        world = prepare()
        task = act(world, kill_at=at)
        is_killed = acts.is_killed(task)
        if is_killed or is_end_given:
            yield world, task
        if not is_killed:
            assert at > more_than
            return


def paused_at_each(
    prepare: Callable[[], World], start: Callable[[World], Process], *, more_than: int = 10
) -> Iterator[tuple[World, Process]]:
    """Give each world with the task that is paused in it.

    :param prepare: returns the world as the task finds it.
    :param start: starts the task.
    :param more_than: the task has more boundaries than that.
    """
    for at in itertools.count():
        world = prepare()
        task = start(world)
        if not run_to(world, task, at):
            assert at > more_than
            return
        yield world, task

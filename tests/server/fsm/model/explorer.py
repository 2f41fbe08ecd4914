"""Breadth-first over every state that the world can come to; the first fault found has the shortest story.

What can happen to one instance depends on it and on its task alone, so it is worked out once for each such pair.
Instances and tasks go by number: a state is the tuple of its task's number and its instances'.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from jobmon_client.states import Outcome, TaskStatus
from tests.server.fsm.model import rules
from tests.server.fsm.model.story import Event, Found, State, after
from tests.server.fsm.model.world import Core, Instance, Step, Task, acts, steps

MOST_INSTANCES = 2
Value = TypeVar("Value", bound=Hashable)
Key = tuple[int, ...]


class Numbered(Generic[Value]):
    """Values by number, in the order in which they were first seen."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._numbers: dict[Value, int] = {}

    def number(self, value: Value) -> int:
        """The value's number, a new one if it was never seen."""
        known = self._numbers.get(value)
        if known is None:
            known = self._numbers[value] = len(self.values)
            self.values.append(value)
        return known


class Change(NamedTuple):
    """A step to another pair; `instance` and `task` are numbers, an instance of -1 is none."""

    event: Event
    instance: int
    task: int


@dataclass
class Explorer:
    """One exploration of a core; afterwards `found` is the first fault, or None."""

    core: Core = field(default_factory=Core)
    most: int = MOST_INSTANCES
    found: Found | None = None
    num_deliveries: int = 0
    num_transitions: int = 0
    #: From, to, what was wanted, and the outcome, of all that was seen.
    crossed: set[tuple[str, str, str | None, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start with a task that was never queued."""
        self._tasks: Numbered[Task] = Numbered()
        self._instances: Numbered[Instance] = Numbered()
        self._states: Numbered[Key] = Numbered()
        self._states.number((self._tasks.number(Task()),))
        self._parents: list[tuple[int, Event] | None] = [None]
        self._of_instances: dict[tuple[int, int], tuple[list[Change], int]] = {}
        self._of_currents: dict[tuple[int, int], list[Change]] = {}
        #: For each state where it can go without an operator; and where the reaper takes it, or -1.
        self._ways: list[list[int]] = []
        self._automatic: list[int] = []

    @property
    def num_states(self) -> int:
        """How many states there are."""
        return len(self._states.values)

    def run(self) -> Explorer:
        """Walk all states, then look at the graph; ends at the first fault."""
        number = 0
        while number < self.num_states and self.found is None:
            self._visit(number)
            number += 1
        for check in (self._check_automatic, self._check_ways_out):
            if self.found is None:
                check()
        return self

    def _visit(self, number: int) -> None:
        ways, automatic = [], -1
        for event, key in self._next(number, self._states.values[number]):
            known = self.num_states
            to = self._states.number(key)
            if to == known:
                self._parents.append((number, event))
            self.num_transitions += 1
            if event.actor != "operator":
                ways.append(to)
            if event.actor == rules.AUTOMATIC:
                automatic = to
        self._ways.append(ways)
        self._automatic.append(automatic)

    def _next(self, number: int, key: Key) -> Iterator[tuple[Event, Key]]:
        task, instances = key[0], key[1:]
        for index, instance in enumerate(instances):
            changes, deliveries = self._instance_changes(number, index, instance, task)
            self.num_deliveries += deliveries
            for event, then, its_task in changes:
                yield (
                    event._replace(place=index),
                    (its_task, *instances[:index], then, *instances[index + 1 :]),
                )
        last = max(0, len(instances) - 1)
        for event, then, its_task in self._current_changes(number, instances[-1] if instances else -1, task):
            if event.what != "queue_tasks":
                yield (
                    event._replace(place=last),
                    (its_task, *instances[:last], *([then] if instances else [])),
                )
            elif len(instances) < self.most:
                yield event._replace(place=len(instances)), (its_task, *instances, then)
        if sum(self._instances.values[one].is_live for one in instances) > 1:
            self._fail("two instances of one task are live", number)
        if self.core.stop and rules.are_beside(self._instances.values[one] for one in instances):
            self._fail("two attempts run at once", number)

    def _instance_changes(
        self, number: int, index: int, instance: int, task: int
    ) -> tuple[list[Change], int]:
        """All that actors other than operators and the run can do to an instance; and how many messages that were."""
        known = self._of_instances.get((instance, task))
        if known is None:
            pair = self._instances.values[instance], self._tasks.values[task]
            changes, deliveries = [], 0
            for fault in rules.instance_faults(self.core, *pair):
                self._fail(fault, number)
            for step in steps(self.core, *pair):
                deliveries += bool(step.outcome)
                event = Event(step.actor, step.what, step.outcome, index)
                self._look_at(number, event, *pair, step)
                if (step.instance, step.task) != pair:
                    changes.append(self._change(event, step.instance, step.task))
            known = self._of_instances[instance, task] = changes, deliveries
        return known

    def _look_at(self, number: int, event: Event, was: Instance, task: Task, step: Step) -> None:
        self.crossed.add((was.status, step.instance.status, step.wanted, step.outcome))
        for fault in rules.step_faults(was, task, step):
            self._fail(
                fault, number, event, after(self._state(number), event.place, step.instance, step.task)
            )

    def _current_changes(self, number: int, instance: int, task: int) -> list[Change]:
        """All that operators and the run can do to a task and its current instance."""
        known = self._of_currents.get((instance, task))
        if known is None:
            was = None if instance == -1 else self._instances.values[instance]
            known = list(self._by_operator(number, was, self._tasks.values[task]))
            known += self._by_run(was, self._tasks.values[task])
            self._of_currents[instance, task] = known
        return known

    def _by_operator(self, number: int, was: Instance | None, task: Task) -> Iterator[Change]:
        for fault in rules.task_faults(task, was):
            self._fail(fault, number)
        for verb, act, then, its_task in acts(self.core, was, task):
            event = Event("operator", verb, act.outcome, max(0, len(self._states.values[number]) - 2))
            for fault in rules.act_faults(verb, was, task, then, its_task):
                self._fail(fault, number, event, after(self._state(number), event.place, then, its_task))
            if was is not None and then is not None:
                self.crossed.add((was.status, then.status, None, act.outcome))
            if (then, its_task) != (was, task):
                yield self._change(event, then, its_task)

    def _by_run(self, was: Instance | None, task: Task) -> Iterator[Change]:
        if self.core.may_queue(task, was):
            queued = task._replace(status=TaskStatus.QUEUED, num_attempts=task.num_attempts + 1)
            yield self._change(Event("workflow_run", "queue_tasks", Outcome.APPLIED, 0), Instance(), queued)

    def _change(self, event: Event, instance: Instance | None, task: Task) -> Change:
        number = -1 if instance is None else self._instances.number(instance)
        return Change(event, number, self._tasks.number(task))

    def _check_automatic(self) -> None:
        """Left alone, every state comes to rest: the reaper's steps end, and leave nothing that is due."""
        for number in range(self.num_states):
            passed, at = [number], number
            while (at := self._automatic[at]) != -1:
                if at in passed:
                    return self._fail_in_circle(passed[-1])
                passed.append(at)
            if not rules.is_at_rest(self._state(passed[-1]).instances):
                return self._fail("left alone, it never comes to rest", number)
        return None

    def _fail_in_circle(self, number: int) -> None:
        for event, key in self._next(number, self._states.values[number]):
            if event.actor == rules.AUTOMATIC:
                self._fail("a circle that the reaper walks alone", number, event, self._decoded(key))

    def _check_ways_out(self) -> None:
        """From every state some way, without an operator, leads out."""
        back: list[list[int]] = [[] for _ in self._ways]
        for number, ways in enumerate(self._ways):
            for to in ways:
                back[to].append(number)
        todo = [n for n in range(self.num_states) if rules.is_a_way_out(*self._state(n), self.most)]
        reached = set(todo)
        while todo:
            fresh = [number for number in back[todo.pop()] if number not in reached]
            reached.update(fresh)
            todo += fresh
        dead = next((n for n in range(self.num_states) if n not in reached), None)
        if dead is not None:
            self._fail("a dead end: no way leads on from here", dead)

    def _state(self, number: int) -> State:
        return self._decoded(self._states.values[number])

    def _decoded(self, key: Key) -> State:
        return State(self._tasks.values[key[0]], tuple(self._instances.values[one] for one in key[1:]))

    def _fail(self, fault: str, number: int, event: Event | None = None, then: State | None = None) -> None:
        """Keep the first fault: found in a state, or at the event that leaves it."""
        if self.found is not None:
            return
        story = [] if event is None or then is None else [(event, self._state(number), then)]
        while (parent := self._parents[number]) is not None:
            story.append((parent[1], self._state(parent[0]), self._state(number)))
            number = parent[0]
        self.found = Found(fault, story[::-1])

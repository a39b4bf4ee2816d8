"""The sandbox in which templates run: no methods of values, no work without end, no growth without bounds.

Jinja's own sandbox keeps a template away from Python, but lets it loop for ever and double a value line by line. Here turns of
loops, calls and characters are counted as they are made, whatever becomes of them, against one budget for each rendering; what
could grow in one step beyond counting (`~`, lists of values, `sum` with a start) is not available.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from jinja2 import (
    FileSystemLoader,
    StrictUndefined,
    TemplateSyntaxError,
    nodes,
    pass_context,
    pass_environment,
    pass_eval_context,
)
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_sum
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.channels import text as words

SOURCE_MAX = 32_768  # characters of one template file
WORK_MAX = 1_000_000  # turns of loops and characters made for one rendered template, also those that it throws away
RANGE_MAX = 100
FILTERS = (
    "default",
    "first",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "rejectattr",
    "selectattr",
    "sum",
    "upper",
)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which still lets a template work for ever and grow its values: here both are bounded."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))
    left = 0

    def begin(self) -> None:
        """A template is rendered from here on, with a budget of its own."""
        self.left = WORK_MAX

    def spend(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise SecurityError("the template works without end; write fewer and shorter loops")

    def say(self, value: Any) -> str:
        text = value if isinstance(value, str) else str(value)
        self.spend(len(text))
        return text

    @pass_context  # so that loops over what is written down are counted where they run, too, not when they are compiled
    def counted(self, _: Any, values: Any, weight: int) -> list[Any]:
        items = list(values)
        self.spend(len(items) * abs(weight))
        return items

    def call(self, context: Context, obj: Any, /, *args: Any, **named: Any) -> Any:
        self.spend(1)
        result = super().call(context, obj, *args, **named)
        self.spend(len(result) if isinstance(result, str) else 0)
        return result

    def join_path(self, template: str, parent: str) -> str:  # of everything included, extended or imported
        self.spend(100)
        return template

    def compile(self, source: Any, name: Any = None, filename: Any = None, *more: Any, **named: Any) -> Any:
        if isinstance(source, str) and len(source) > SOURCE_MAX:
            raise TemplateSyntaxError(f"more than {SOURCE_MAX} characters", 1, name)
        tree = _bounded(self.parse(source, name, filename), name) if isinstance(source, str) else source
        return super().compile(tree, name, filename, *more, **named)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        plain_value = isinstance(obj, str | int | float | date)
        return not plain_value and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        small = all(isinstance(side, int | float) and abs(side) < 1_000_000 for side in (left, right))
        if operator == "+" and not small:
            made = super().call_binop(context, operator, left, right)
            if not isinstance(made, str):
                raise SecurityError("'+' works on text and on numbers below a million only")
            return self.say(made)
        if operator == "**" or not small:
            raise SecurityError(f"'{operator}' works on numbers below a million only, and '**' not at all")
        return super().call_binop(context, operator, left, right)


def _bounded(tree: nodes.Template, name: str | None) -> nodes.Template:
    """The tree with its loops counted, and refused where one line could double what a name holds."""
    for made in tree.find_all((nodes.Concat, nodes.List, nodes.Tuple, nodes.Dict)):
        if getattr(made, "ctx", "load") == "load" and (isinstance(made, nodes.Concat) or made.find(nodes.Name)):
            raise TemplateSyntaxError(
                "‘~’ and lists of values are not available; write {{ … }}{{ … }}", made.lineno, name
            )
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise TemplateSyntaxError("‘recursive’ is not available; write a plain loop", loop.lineno, name)
        weight = nodes.Const(1 + sum(len(text.data) for text in loop.find_all(nodes.TemplateData)))
        loop.iter = nodes.Filter(loop.iter, "counted", [weight], [], None, None, lineno=loop.lineno)
    return tree


@pass_eval_context
def _join(eval_ctx: EvalContext, value: Any, between: str = "", attribute: str | None = None) -> str:
    environment = cast(Sandbox, eval_ctx.environment)
    return environment.say(do_join(eval_ctx, environment.counted(None, value, 1 + len(between)), between, attribute))


@pass_environment
def _sum(environment: Sandbox, numbers: Any, attribute: str | None = None) -> Any:
    return do_sum(environment, numbers, attribute)  # without a start, which would let lists be added


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > RANGE_MAX:
        raise SecurityError(f"range of {len(numbers)}; write {RANGE_MAX} or less")
    return numbers


def environment_of(folders: Sequence[Path], channel: str, language: str) -> Sandbox:
    places = [place for folder in folders for place in (folder / channel / language, folder / channel)]
    environment = Sandbox(
        loader=FileSystemLoader(places),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name) and ".html" in str(name),
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def speak(word: Callable[[Any, str], str]) -> Callable[[Any], str]:
        return lambda value: word(value, language)

    environment.finalize = environment.say
    environment.globals = {"range": _range}
    environment.filters = {name: environment.filters[name] for name in FILTERS} | {
        "day": speak(words.day),
        "moment": speak(words.moment),
        "fact": speak(words.fact),
        "severity": speak(lambda value, spoken: words.SEVERITIES[spoken][value]),
        "short_day": words.short_day,
        "join": _join,
        "sum": _sum,
        "counted": environment.counted,
    }
    return environment

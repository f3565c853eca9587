"""Small mistakes, made by a machine: every way to change one thing in a reference answer."""

import ast
import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.grading.assignment import BEGIN_SOLUTION, END_SOLUTION, python

_OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
_NAMES = {
    "mean": "sum",
    "sum": "mean",
    "max": "min",
    "min": "max",
    "amax": "amin",
    "argmax": "argmin",
    "argmin": "argmax",
    "maximum": "minimum",
    "minimum": "maximum",
    "zeros": "ones",
    "ones": "zeros",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "any": "all",
    "all": "any",
    "exp": "expm1",
    "log1p": "log",
    "sin": "cos",
    "cos": "sin",
    "floor": "ceil",
    "ceil": "floor",
}
_DROPPED = {"copy", "clone", "abs", "t"}  # x.copy() → x


@dataclass(frozen=True)
class Mutant:
    """A cell with one change: ``label`` names it ("function: line before → line after")."""

    label: str
    source: str
    diff: str


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of an answer cell: what stands between its solution marks is changed.

    Operators, comparisons, constants (one more, one less), axes, means and sums, signs, transposes and
    copies that are dropped, branches that are swapped, statements that are left out.
    """
    tree = ast.parse(python(source))
    inside = _solution_lines(source)
    before = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for function, changed in _changed_trees(tree, inside):
        after = ast.unparse(ast.fix_missing_locations(changed))
        if after != before and after not in found:
            label, diff = _described(before, after)
            found[after] = Mutant(f"{function}: {label}", after, diff)
    return list(found.values())


def _solution_lines(source: str) -> set[int]:
    """Return the numbers of the lines between the marks; all lines where there is no mark."""
    lines, inside = set(), False
    for number, line in enumerate(source.splitlines(), start=1):
        if BEGIN_SOLUTION in line:
            inside = True
        elif END_SOLUTION in line:
            inside = False
        elif inside:
            lines.add(number)
    return lines or set(range(1, source.count("\n") + 2))


def _described(before: str, after: str) -> tuple[str, str]:
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    gone = [line[2:].strip() for line in lines if line.startswith("- ")]
    come = [line[2:].strip() for line in lines if line.startswith("+ ")]
    diff = "\n".join(line for line in lines if line[:2] in ("- ", "+ "))
    return f"{' / '.join(gone)} → {' / '.join(come) or '(left out)'}", diff


def _changed_trees(tree: ast.Module, inside: set[int]) -> Iterator[tuple[str, ast.Module]]:
    """Yield copies of the tree, each with one node changed, and the name of the definition around it."""
    for top in range(len(tree.body)):
        name = getattr(tree.body[top], "name", "cell")
        nodes = list(ast.walk(tree.body[top]))
        words = {id(part) for node in nodes if _is_text(node) for part in ast.walk(node)}
        for place, node in enumerate(nodes):
            if getattr(node, "lineno", None) not in inside or id(node) in words:
                continue
            for number in range(len(list(_replacements(node)))):
                changed = copy.deepcopy(tree)
                target = list(ast.walk(changed.body[top]))[place]
                _replace(changed, target, list(_replacements(target))[number])
                yield name, changed


def _is_text(node: ast.AST) -> bool:
    """Say whether a node only speaks: a docstring, a formatted string."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST | None) -> None:
    """Put a node in the place of another; None leaves a statement out."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return
            if isinstance(value, list) and any(item is old for item in value):
                place = next(i for i, item in enumerate(value) if item is old)
                value[place] = ast.Pass() if new is None else new
                return


def _replacements(node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield what may stand in the place of a node; each is made anew, the node itself stays as it is."""
    if isinstance(node, ast.BinOp):
        for operator in _OPERATORS.get(type(node.op), []):
            yield ast.BinOp(node.left, operator(), node.right)
    elif isinstance(node, ast.AugAssign):
        for operator in _OPERATORS.get(type(node.op), []):
            yield ast.AugAssign(node.target, operator(), node.value)
        yield ast.Assign([node.target], node.value)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for comparison in _COMPARISONS[type(node.ops[0])]:
            yield ast.Compare(node.left, [comparison()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Attribute):
        if node.attr == "T":
            yield node.value
        if node.attr in _NAMES:
            yield ast.Attribute(node.value, _NAMES[node.attr], node.ctx)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Raise | ast.If | ast.With | ast.For):
        yield None


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, float):
        yield ast.Constant(value + 1)
        if value:
            yield ast.Constant(-value)


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if isinstance(function, ast.Attribute) and name in _DROPPED and not node.args:
        yield function.value
    if isinstance(function, ast.Name) and name in _NAMES:
        yield ast.Call(ast.Name(_NAMES[name], ast.Load()), node.args, node.keywords)
    if name == "where" and len(node.args) == 3:
        yield ast.Call(function, [node.args[0], node.args[2], node.args[1]], node.keywords)
    if name == "range" and not isinstance(node.args[-1], ast.Constant):
        for operator in (ast.Add(), ast.Sub()):
            last = ast.BinOp(node.args[-1], operator, ast.Constant(1))
            yield ast.Call(function, [*node.args[:-1], last], node.keywords)

"""Arithmetic in a question's file: a small language, worked out without `eval`.

Numbers, names, + - * / ** and brackets, and six functions: min, max, floor, ceil, round, log2.
Everything else is refused: no comparison, no attribute, no text, no other call. All numbers are
floats, so a power that grows too large ends in an error and not in a long wait.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping

LONGEST = 200  # characters in one expression

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "log2": math.log2,
}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def evaluate(expression: str, names: Mapping[str, float] | None = None) -> float:
    """The value of `expression`; ValueError says what is not allowed or cannot be worked out."""
    if len(expression) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, not {len(expression)}")
    try:
        tree = ast.parse(expression, mode="eval")
        value = _value(tree.body, names or {})
    except (SyntaxError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} cannot be worked out: {error}") from None
    if isinstance(value, complex) or not math.isfinite(value):
        raise ValueError(f"{expression!r} gives {value}, which is no answer")
    return value


def names_in(expression: str) -> set[str]:
    """The names that an expression uses, functions left out."""
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r} cannot be worked out: {error}") from None
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - set(_FUNCTIONS)


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("only numbers and names may stand in an expression, not True or False")
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in names:
            return float(names[name])
        case ast.Name(id=name):
            raise ValueError(f"{name!r} is not known; known are {', '.join(sorted(names)) or '-'}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(_value(arg, names) for arg in args)))
    allowed = ", ".join(_FUNCTIONS)
    raise ValueError(
        f"{ast.unparse(node)!r} is not allowed: numbers, names, + - * / **, and {allowed} are"
    )

"""One step of a greedy pursuit in one sweep: the new row of correlations, the update of the correlations with the
residual, and the choice of the next atom."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..simd import BYTES, FUSED, HELD, I64, Rows, arguments, elements, everywhere, stretches, summed


class _Largest:
    """OMP's choice: the largest |a| among the atoms that the mask admits.

    Without the sign bit, the bits of floats are ordered like integers, so that masking is one `and` and NaN needs
    no rule.
    """

    def __init__(self, builder: ir.IRBuilder, a: Rows, mask: Rows) -> None:
        self.builder, self.a, self.mask = builder, a, mask
        self.ints = ir.VectorType(ir.IntType(BYTES // a.lanes * 8), a.lanes)
        self.top, self.at = (cgutils.alloca_once(builder, self.ints) for _ in range(2))
        builder.store(ir.Constant(self.ints, [-1] * a.lanes), self.top)
        builder.store(ir.Constant(self.ints, [0] * a.lanes), self.at)

    def see(self, places: list[Any], values: list[Any], new: list[Any] | None) -> None:
        """Takes the correlations `values` of the elements at `places`, successive vectors, into account."""
        builder = self.builder
        top, at = builder.load(self.top), builder.load(self.at)
        for value, place, index in zip(values, places, _indices(builder, self.ints, places[0]), strict=False):
            size = builder.and_(builder.bitcast(value, self.ints), self.mask.load(place))
            larger = builder.icmp_signed(">", size, top)
            top = builder.select(larger, size, top)
            at = builder.select(larger, index, at)
        builder.store(top, self.top)
        builder.store(at, self.at)

    def found(self) -> Any:
        """Returns the index of the choice, of 64 bits."""
        return _first_of_largest(self.builder, self.builder.load(self.top), self.builder.load(self.at))


class _MostGain:
    """ORMP's choice: the largest a^2 / left among the atoms that the mask admits and whose `left` exceeds their
    `floor`.

    `left` is the part of the atoms' squared norms outside the directions found. It is updated here: it loses the
    square of each new row. Quotients are compared without division: n / d > m / e if n e > m d.
    """

    def __init__(self, builder: ir.IRBuilder, a: Rows, mask: Rows, left: Rows, floor: Rows, scale: Any) -> None:
        self.builder, self.a, self.mask, self.left, self.floor = builder, a, mask, left, floor
        self.scale = everywhere(builder, scale, a.lanes)
        self.ints = ir.VectorType(ir.IntType(BYTES // a.lanes * 8), a.lanes)
        self.over, self.under = (cgutils.alloca_once(builder, a.vector) for _ in range(2))
        self.at = cgutils.alloca_once(builder, self.ints)
        self.none, self.one = (ir.Constant(a.vector, [v] * a.lanes) for v in (-1.0, 1.0))
        builder.store(self.none, self.over)
        builder.store(self.one, self.under)
        builder.store(ir.Constant(self.ints, [0] * a.lanes), self.at)

    def see(self, places: list[Any], values: list[Any], new: list[Any] | None) -> None:
        """Like `_Largest.see`; `new`, if given, holds the vectors of the new row."""
        builder = self.builder
        over, under, at = builder.load(self.over), builder.load(self.under), builder.load(self.at)
        off = ir.Constant(self.ints, [0] * self.a.lanes)
        for i, index in zip(range(len(values)), _indices(builder, self.ints, places[0]), strict=False):
            left = self.left.load(places[i])
            if new:
                left = builder.fsub(left, builder.fmul(new[i], new[i], flags=FUSED), flags=FUSED)
                self.left.store(left, places[i])
            counts = builder.icmp_signed("!=", self.mask.load(places[i]), off)
            counts = builder.and_(counts, builder.fcmp_ordered(">", left, self.floor.load(places[i])))
            share = builder.fmul(values[i], self.scale)
            numerator = builder.select(counts, builder.fmul(share, share), self.none)
            denominator = builder.select(counts, left, self.one)
            better = builder.fcmp_ordered(">", builder.fmul(numerator, under), builder.fmul(over, denominator))
            over = builder.select(better, numerator, over)
            under = builder.select(better, denominator, under)
            at = builder.select(better, index, at)
        for vector, place in ((over, self.over), (under, self.under), (at, self.at)):
            builder.store(vector, place)

    def found(self) -> Any:
        """Returns the index of the choice, of 64 bits."""
        gain = self.builder.fdiv(self.builder.load(self.over), self.builder.load(self.under))
        return _first_of_largest(self.builder, self.builder.bitcast(gain, self.ints), self.builder.load(self.at))


def _indices(builder: ir.IRBuilder, ints: Any, column: Any) -> Any:
    """Yields, for one vector after another from element `column` on, the indices of its elements."""
    start = everywhere(builder, builder.trunc(column, ints.element), ints.count)
    for i in range(HELD):
        yield builder.add(start, ir.Constant(ints, [i * ints.count + lane for lane in range(ints.count)]))


def _first_of_largest(builder: ir.IRBuilder, best: Any, where: Any) -> Any:
    """Returns the smallest of `where` among the lanes in which `best`, a vector of integers, is largest."""
    ints = best.type
    top = everywhere(builder, _reduced(builder, "smax", best), ints.count)
    far = ir.Constant(ints, [2 ** (ints.element.width - 1) - 1] * ints.count)
    index = _reduced(builder, "smin", builder.select(builder.icmp_signed("==", best, top), where, far))
    return builder.sext(index, I64)


def _reduced(builder: ir.IRBuilder, rule: str, vector: Any) -> Any:
    kind = ir.FunctionType(vector.type.element, [vector.type])
    name = f"llvm.vector.reduce.{rule}.v{vector.type.count}i{vector.type.element.width}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [vector])


@intrinsic
def largest(typingctx: Any, a: Any, n: Any, mask: Any, s: Any) -> Any:
    """Returns the index of the largest |a[n]|, the first of equals, of a (4,W) floats among the elements that the
    mask admits.

    mask (g,W) has integers of the floats' size: mask[s] has all bits but the sign's set where an element counts,
    else 0.
    """
    return types.intp(a, types.intp, mask, types.intp), _choose


@intrinsic
def most_gain(typingctx: Any, a: Any, n: Any, mask: Any, s: Any, left: Any, floor: Any, scale: Any) -> Any:
    """Returns the index of the largest (scale a[n])^2 / left[s], the first of equals, among the atoms that mask[s]
    admits and whose left[s] exceeds floor; a (4,W), mask and left (g,W), floor (W,)."""
    return types.intp(a, types.intp, mask, types.intp, left, floor, a.dtype), _choose


def _choice(builder: ir.IRBuilder, a: Rows, mask: Rows, s: Any, rest: list[Any]) -> _Largest | _MostGain:
    mask = mask.at(s)
    if not rest:
        return _Largest(builder, a, mask)
    left, floor, scale = rest
    return _MostGain(builder, a, mask, left.at(s), floor, scale)


def _choose(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    a, n, mask, s, *rest = arguments(context, builder, signature, args)
    a = a.at(n)
    choice = _choice(builder, a, mask, s, rest)

    def emit(count: int, first: Any) -> None:
        places = elements(builder, first, count, a.lanes)
        choice.see(places, [a.load(p) for p in places], None)

    stretches(builder, builder.udiv(a.shape[0], I64(a.lanes)), 4, emit)
    return choice.found()


@intrinsic
def step(
    typingctx: Any,
    a: Any,
    n: Any,
    rows: Any,
    h: Any,
    t: Any,
    gram: Any,
    j: Any,
    inverse: Any,
    c: Any,
    mask: Any,
    s: Any,
) -> Any:
    """rows[s,t] = (gram[j] - h[s,t,:t] @ rows[s,:t]) inverse; a[n] -= c rows[s,t]; returns `largest`(a, n, mask,
    s).

    a (4,W), rows (g,T,W), h (g,T,T), gram (K,W), mask (g,W). Odd t read the rows from the last to the first, so
    that those read last, which are still in the nearest cache, come first. Arrays are passed with indices and not
    sliced, since a slice counts references, which costs more than the step if W is small.
    """
    i = types.intp
    return i(a, i, rows, h, i, gram, i, a.dtype, a.dtype, mask, i), _step


@intrinsic
def step_gain(
    typingctx: Any,
    a: Any,
    n: Any,
    rows: Any,
    h: Any,
    t: Any,
    gram: Any,
    j: Any,
    inverse: Any,
    c: Any,
    mask: Any,
    s: Any,
    left: Any,
    floor: Any,
    scale: Any,
) -> Any:
    """Like `step`, but left[s] loses rows[s,t]^2, and `most_gain` of a, n, mask, s, left, floor and scale is
    returned."""
    i = types.intp
    return i(a, i, rows, h, i, gram, i, a.dtype, a.dtype, mask, i, left, floor, a.dtype), _step


def _step(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    a, n, rows, h, t, gram, j, inverse, c, mask, s, *rest = arguments(context, builder, signature, args)
    a, base, h, new, rows = a.at(n), gram.at(j), h.at(s, t), rows.at(s, t), rows.at(s)
    choice = _choice(builder, a, mask, s, rest)
    odd = builder.trunc(t, ir.IntType(1))
    by = builder.select(odd, I64(-1), I64(1))
    start = builder.select(odd, builder.sub(t, I64(1)), I64(0))
    scale, along = everywhere(builder, inverse, a.lanes), everywhere(builder, c, a.lanes)

    def emit(count: int, first: Any) -> None:
        places = elements(builder, first, count, a.lanes)

        def term(m: Any, sums: list[Any]) -> list[Any]:
            row = builder.add(start, builder.mul(m, by))
            weight, at = h.spread(row), builder.mul(row, a.shape[0])
            terms = (builder.fmul(weight, rows.load(builder.add(at, p)), flags=FUSED) for p in places)
            return [builder.fsub(s, term, flags=FUSED) for s, term in zip(sums, terms, strict=True)]

        found, left = [], []
        for value, place in zip(summed(builder, t, [base.load(p) for p in places], term), places, strict=True):
            found.append(builder.fmul(value, scale))
            new.store(found[-1], place)
            left.append(builder.fsub(a.load(place), builder.fmul(along, found[-1], flags=FUSED), flags=FUSED))
            a.store(left[-1], place)
        choice.see(places, left, found)

    stretches(builder, builder.udiv(a.shape[0], I64(a.lanes)), HELD, emit)
    return choice.found()

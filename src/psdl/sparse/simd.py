"""The loops that numba's own vectoriser does not get right, written as vector code for whatever CPU is at hand.

numba emits 256-bit vectors only and cannot keep a row of sums in registers over a loop. These intrinsics do: a
stretch of up to `HELD` vectors of a row is summed in registers over all its terms and stored once. The numbers do not
depend on the vectors' width: every element is summed alone, in order. `docs/kernels.md` tells what each idea brought.

Rows are padded with zeros to whole vectors of 64 bytes (`arrays.padded`); they are fastest where they start at one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Registers: 32 of 64 bytes with AVX-512; 16 of 32 bytes, or 32 of 16, elsewhere.
WIDE = bool(llvm.get_host_cpu_features().get("avx512f", False))
BYTES = 64 if WIDE else 32
HELD = 16 if WIDE else 8
FUSED = ("contract", "nsz")
I32, I64 = ir.IntType(32), ir.IntType(64)


class _Rows:
    """An array argument seen as vectors of `lanes` elements, addressed by their first element."""

    def __init__(self, context: Any, builder: ir.IRBuilder, ty: Any, value: Any) -> None:
        array = context.make_array(ty)(context, builder, value)
        self.builder, self.data = builder, array.data
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self.scalar = array.data.type.pointee
        self.size = ty.dtype.bitwidth // 8
        self.lanes = BYTES // self.size
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def _address(self, first: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [first]), self.vector.as_pointer())

    def load(self, first: Any) -> Any:
        return self.builder.load(self._address(first), align=self.size)

    def store(self, value: Any, first: Any) -> None:
        self.builder.store(value, self._address(first), align=self.size)

    def everywhere(self, index: Any) -> Any:
        """The element at `index` in every lane."""
        return _everywhere(self.builder, self.builder.load(self.builder.gep(self.data, [index])), self.lanes)


def _everywhere(builder: ir.IRBuilder, scalar: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(empty, scalar, I32(0)), empty, zeros)


def _stretches(builder: ir.IRBuilder, vectors: Any, held: int, emit: Callable[[int, Any], None]) -> None:
    """Cuts `vectors` into the fewest stretches of at most `held`, nearly equal in length, and runs for each the code
    that emit(length, first vector) writes for that length."""
    before = builder.block
    head, body, latch, done = (builder.append_basic_block(n) for n in ("stretch", "cut", "next", "done"))
    count = builder.udiv(builder.add(vectors, I64(held - 1)), I64(held))
    builder.branch(head)
    builder.position_at_end(head)
    first, left = builder.phi(I64), builder.phi(I64)
    first.add_incoming(I64(0), before)
    left.add_incoming(count, before)
    builder.cbranch(builder.icmp_unsigned("==", left, I64(0)), done, body)
    builder.position_at_end(body)
    rest = builder.add(builder.sub(vectors, first), builder.sub(left, I64(1)))
    length = builder.udiv(rest, left)
    switch = builder.switch(length, latch)
    for n in range(1, held + 1):
        case = builder.append_basic_block(f"of{n}")
        switch.add_case(I64(n), case)
        builder.position_at_end(case)
        emit(n, first)
        builder.branch(latch)
    builder.position_at_end(latch)
    first.add_incoming(builder.add(first, length), latch)
    left.add_incoming(builder.sub(left, I64(1)), latch)
    builder.branch(head)
    builder.position_at_end(done)


def _summed(
    builder: ir.IRBuilder, count: Any, sums: list[Any], term: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """A loop over m < count that holds `sums` in registers: sums = term(m, sums)."""
    before = builder.block
    head, body, done = (builder.append_basic_block(n) for n in ("terms", "term", "summed"))
    builder.branch(head)
    builder.position_at_end(head)
    m = builder.phi(I64)
    m.add_incoming(I64(0), before)
    held = [builder.phi(value.type) for value in sums]
    for phi, value in zip(held, sums, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed("<", m, count), body, done)
    builder.position_at_end(body)
    for phi, value in zip(held, term(m, held), strict=True):
        phi.add_incoming(value, builder.block)
    m.add_incoming(builder.add(m, I64(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(done)
    return held


@intrinsic  # type: ignore[untyped-decorator]
def products(typingctx: Any, out: Any, weights: Any, rows: Any) -> Any:
    """out (4,W) = weights (4,M) @ rows (M,W): four signals share every row that is read."""
    return types.void(out, weights, rows), lambda *given: _products(4, *given)


@intrinsic  # type: ignore[untyped-decorator]
def product(typingctx: Any, out: Any, weights: Any, rows: Any) -> Any:
    """out (W,) = weights (M,) @ rows (M,W): one signal, the same bits as among four."""
    return types.void(out, weights, rows), lambda *given: _products(1, *given)


def _products(signals: int, context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    out, weights, rows = (_Rows(context, builder, t, a) for t, a in zip(signature.args, args, strict=True))
    count, width = rows.shape
    places = [(s, builder.mul(I64(s), width), builder.mul(I64(s), count)) for s in range(signals)]

    def emit(n: int, first: Any) -> None:
        column = builder.mul(first, I64(rows.lanes))

        def term(m: Any, sums: list[Any]) -> list[Any]:
            each = [weights.everywhere(builder.add(start, m)) for _, _, start in places]
            at = builder.add(builder.mul(m, width), column)
            vectors = [rows.load(builder.add(at, I64(i * rows.lanes))) for i in range(n)]
            terms = (builder.fmul(weight, vector, flags=FUSED) for vector in vectors for weight in each)
            return [builder.fadd(s, t, flags=FUSED) for s, t in zip(sums, terms, strict=True)]

        zero = ir.Constant(rows.vector, [0.0] * rows.lanes)
        sums = iter(_summed(builder, count, [zero] * (n * signals), term))
        for i in range(n):
            for _, start, _ in places:
                out.store(next(sums), builder.add(start, builder.add(column, I64(i * rows.lanes))))

    _stretches(builder, builder.udiv(width, I64(rows.lanes)), HELD // signals, emit)
    return context.get_dummy_value()


class _Largest:
    """The largest magnitude seen and the first index where it was, lane by lane until `found`.

    Without its sign bit a float's bits order as an integer, so that no comparison meets a NaN rule.
    """

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.ints = ir.VectorType(ir.IntType(BYTES // lanes * 8), lanes)
        self.top, self.at = (cgutils.alloca_once(builder, self.ints) for _ in range(2))
        builder.store(self._all(-1), self.top)
        builder.store(self._all(0), self.at)

    def _all(self, value: int) -> Any:
        return ir.Constant(self.ints, [value] * self.lanes)

    def see(self, values: list[Any], masks: list[Any], column: Any) -> None:
        """Vectors of values, of successive elements from `column` on; mask bits that are off do not count."""
        builder = self.builder
        top, at = builder.load(self.top), builder.load(self.at)
        start = _everywhere(builder, builder.trunc(column, self.ints.element), self.lanes)
        for i, (value, mask) in enumerate(zip(values, masks, strict=True)):
            size = builder.and_(builder.bitcast(value, self.ints), mask)
            ahead = ir.Constant(self.ints, [i * self.lanes + lane for lane in range(self.lanes)])
            larger = builder.icmp_signed(">", size, top)
            top = builder.select(larger, size, top)
            at = builder.select(larger, builder.add(start, ahead), at)
        builder.store(top, self.top)
        builder.store(at, self.at)

    def found(self) -> Any:
        """The index, of 64 bits: the smallest among lanes that hold the largest magnitude."""
        builder = self.builder
        best, where = builder.load(self.top), builder.load(self.at)
        top = _everywhere(builder, self._reduced("smax", best), self.lanes)
        far = self._all(2 ** (self.ints.element.width - 1) - 1)
        index = self._reduced("smin", builder.select(builder.icmp_signed("==", best, top), where, far))
        return builder.sext(index, I64)

    def _reduced(self, rule: str, vector: Any) -> Any:
        name = f"llvm.vector.reduce.{rule}.v{self.lanes}i{self.ints.element.width}"
        kind = ir.FunctionType(self.ints.element, [self.ints])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [vector])


@intrinsic  # type: ignore[untyped-decorator]
def largest(typingctx: Any, a: Any, mask: Any) -> Any:
    """Index of the largest |a|, the first of equals: a (W,) floats, mask (W,) integers of their size, all bits but
    the sign's where an element counts, 0 where it does not."""
    return types.intp(a, mask), _index_of_largest


def _index_of_largest(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    a, mask = (_Rows(context, builder, t, v) for t, v in zip(signature.args, args, strict=True))
    best = _Largest(builder, a.lanes)

    def emit(n: int, first: Any) -> None:
        column = builder.mul(first, I64(a.lanes))
        places = [builder.add(column, I64(i * a.lanes)) for i in range(n)]
        best.see([a.load(p) for p in places], [mask.load(p) for p in places], column)

    _stretches(builder, builder.udiv(a.shape[0], I64(a.lanes)), 4, emit)
    return best.found()


@intrinsic  # type: ignore[untyped-decorator]
def step(typingctx: Any, a: Any, mask: Any, new: Any, base: Any, h: Any, W: Any, t: Any, inverse: Any, c: Any) -> Any:
    """new = (base - h[:t] @ W[:t]) inverse;  a -= c new;  returns `largest` of a and mask.

    a, mask, new, base (W,), h (T,), W (T,W). Odd t take the rows of W from the last to the first, so that those read
    last, still in the nearest cache, are read first.
    """
    return types.intp(a, mask, new, base, h, W, types.intp, a.dtype, a.dtype), _step


def _step(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    a, mask, new, base, h, W = (
        _Rows(context, builder, t, v) for t, v in zip(signature.args[:6], args[:6], strict=True)
    )
    t, inverse, c = args[6:]
    odd = builder.trunc(t, ir.IntType(1))
    by = builder.select(odd, I64(-1), I64(1))
    start = builder.select(odd, builder.sub(t, I64(1)), I64(0))
    scale, along = _everywhere(builder, inverse, a.lanes), _everywhere(builder, c, a.lanes)
    best = _Largest(builder, a.lanes)

    def emit(n: int, first: Any) -> None:
        column = builder.mul(first, I64(a.lanes))
        places = [builder.add(column, I64(i * a.lanes)) for i in range(n)]

        def term(m: Any, sums: list[Any]) -> list[Any]:
            row = builder.add(start, builder.mul(m, by))
            weight, at = h.everywhere(row), builder.mul(row, a.shape[0])
            terms = (builder.fmul(weight, W.load(builder.add(at, p)), flags=FUSED) for p in places)
            return [builder.fsub(s, term, flags=FUSED) for s, term in zip(sums, terms, strict=True)]

        left = []
        for value, place in zip(_summed(builder, t, [base.load(p) for p in places], term), places, strict=True):
            value = builder.fmul(value, scale)
            new.store(value, place)
            left.append(builder.fsub(a.load(place), builder.fmul(along, value, flags=FUSED), flags=FUSED))
            a.store(left[-1], place)
        best.see(left, [mask.load(p) for p in places], column)

    _stretches(builder, builder.udiv(a.shape[0], I64(a.lanes)), HELD, emit)
    return best.found()


@intrinsic  # type: ignore[untyped-decorator]
def widen(typingctx: Any, out: Any, halves: Any) -> Any:
    """out (n,) float32 = halves (n,), float16 numbers given by their bits (uint16); n in whole vectors of 64 bytes."""
    return types.void(out, halves), _widen


def _widen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    out, halves = (_Rows(context, builder, t, v) for t, v in zip(signature.args, args, strict=True))
    halves.vector = ir.VectorType(halves.scalar, out.lanes)
    with cgutils.for_range(builder, builder.udiv(out.shape[0], I64(out.lanes))) as loop:
        place = builder.mul(loop.index, I64(out.lanes))
        bits = builder.bitcast(halves.load(place), ir.VectorType(ir.HalfType(), out.lanes))
        out.store(builder.fpext(bits, out.vector), place)
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def number(typingctx: Any, value: Any) -> Any:
    """value itself, or the float32 of a float16 number given by its bits (uint16)."""
    if value != types.uint16:
        return value(value), lambda context, builder, signature, args: args[0]

    def widened(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(value), widened

"""Vector code, for the CPU at hand, of loops that numba does not vectorise well.

numba emits 256-bit vectors only and cannot keep a row of sums in registers over a loop. These intrinsics do: up to
`HELD` vectors of a row, a stretch, are summed in registers over all terms and stored once. Results do not depend
on the width of the vectors, because every element is summed alone and in order. `docs/kernels.md` states what each
idea brought.

Rows are padded with zeros to whole vectors of 64 bytes (`arrays.padded`). They are fastest if they start at a
multiple of 64 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

# Registers: 32 of 64 bytes with AVX-512; 16 of 32 bytes, or 32 of 16, elsewhere.
HOST = llvm.get_host_cpu_features().flatten()
FEATURES = HOST if config.CPU_FEATURES is None else config.CPU_FEATURES  # NUMBA_CPU_FEATURES
WIDE = "+avx512f" in FEATURES
WIDENS = "+f16c" in FEATURES or not llvm.get_process_triple().startswith("x86")
BYTES = 64 if WIDE else 32
HELD = 16 if WIDE else 8
EVEN = 8
LINE = 64  # bytes of a cache line
AHEAD = 8  # rows that are asked for before they are read, where one signal waits for the memory
FUSED = ("contract", "nsz")
I32, I64 = ir.IntType(32), ir.IntType(64)


class Rows:
    """An array argument, or a row of one, seen as vectors of `lanes` elements, which are addressed by their first
    element.

    An array of uint16 holds the bits of float16 numbers and is read as float32.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder, ty: Any, value: Any) -> None:
        array = context.make_array(ty)(context, builder, value)
        self.builder, self.data = builder, array.data
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self.half = ty.dtype == types.uint16
        self.scalar = ir.FloatType() if self.half else array.data.type.pointee
        self.size = ty.dtype.bitwidth // 8
        self.lanes = BYTES // (4 if self.half else self.size)
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def at(self, *index: Any) -> Rows:
        """Returns the part of a C-contiguous array at the indices `index` of its first axes."""
        part = copy(self)
        for i in index:
            skipped = i
            for size in part.shape[1:]:
                skipped = self.builder.mul(skipped, size)
            part.data = self.builder.gep(part.data, [skipped])
            part.shape = part.shape[1:]
        return part

    def _address(self, first: Any, vector: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [first]), vector.as_pointer())

    def load(self, first: Any) -> Any:
        """Returns the vector that starts at element `first`."""
        stored = ir.VectorType(ir.IntType(16), self.lanes) if self.half else self.vector
        value = self.builder.load(self._address(first, stored), align=self.size)
        return _widened(self.builder, value) if self.half else value

    def store(self, value: Any, first: Any) -> None:
        """Writes a vector at element `first`."""
        self.builder.store(value, self._address(first, self.vector), align=self.size)

    def fetch(self, first: Any, places: list[Any]) -> None:
        """Prefetches the vectors that start at `first` plus each of `places`, which are successive."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
        prefetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        for place in places[:: LINE // (self.lanes * self.size)]:
            address = self.builder.gep(self.data, [self.builder.add(first, place)])
            self.builder.call(prefetch, [self.builder.bitcast(address, byte), I32(0), I32(3), I32(1)])

    def spread(self, index: Any) -> Any:
        """Returns a vector with the element at `index` in every lane."""
        return everywhere(self.builder, self.builder.load(self.builder.gep(self.data, [index])), self.lanes)


def _widened(builder: ir.IRBuilder, bits: Any) -> Any:
    """Returns float32 numbers of float16 numbers given by their bits, vectors or not. The numbers must be finite.

    On processors without such an instruction the bits are shifted to their places in float32; the biases of the
    exponents differ by 112.
    """
    lanes = bits.type.count if isinstance(bits.type, ir.VectorType) else 0

    def like(kind: Any) -> Any:
        return ir.VectorType(kind, lanes) if lanes else kind

    def all_of(kind: Any, value: Any) -> Any:
        return ir.Constant(like(kind), [value] * lanes if lanes else value)

    if WIDENS:
        return builder.fpext(builder.bitcast(bits, like(ir.HalfType())), like(ir.FloatType()))
    whole = builder.zext(bits, like(I32))
    sign = builder.shl(builder.and_(whole, all_of(I32, 0x8000)), all_of(I32, 16))
    size = builder.shl(builder.and_(whole, all_of(I32, 0x7FFF)), all_of(I32, 13))
    size = builder.fmul(builder.bitcast(size, like(ir.FloatType())), all_of(ir.FloatType(), 2.0**112))
    return builder.bitcast(builder.or_(builder.bitcast(size, like(I32)), sign), like(ir.FloatType()))


def arguments(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> list[Any]:
    """Returns the arguments of an intrinsic, arrays as `Rows` and numbers as they are."""
    pairs = zip(signature.args, args, strict=True)
    return [Rows(context, builder, t, v) if isinstance(t, types.Array) else v for t, v in pairs]


def everywhere(builder: ir.IRBuilder, scalar: Any, lanes: int) -> Any:
    """Returns a vector with `scalar` in every lane."""
    empty = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(empty, scalar, I32(0)), empty, zeros)


def stretches(builder: ir.IRBuilder, vectors: Any, held: int, emit: Callable[[int, Any], None]) -> None:
    """Cuts `vectors` into stretches of `held` vectors and the rest into nearly equal ones of up to EVEN. For each
    it runs the code that emit(length, first vector) writes for that length. Few different lengths keep compilation
    fast."""
    even = min(held, EVEN)
    before = builder.block
    head, body, latch, done = (builder.append_basic_block(n) for n in ("stretch", "cut", "next", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    first = builder.phi(I64)
    first.add_incoming(I64(0), before)
    left = builder.sub(vectors, first)
    builder.cbranch(builder.icmp_unsigned("==", left, I64(0)), done, body)
    builder.position_at_end(body)
    parts = builder.udiv(builder.add(left, I64(even - 1)), I64(even))
    part = builder.udiv(builder.add(left, builder.sub(parts, I64(1))), parts)
    length = builder.select(builder.icmp_unsigned(">=", left, I64(held)), I64(held), part)
    switch = builder.switch(length, latch)
    for n in sorted({*range(1, even + 1), held}):
        case = builder.append_basic_block(f"of{n}")
        switch.add_case(I64(n), case)
        builder.position_at_end(case)
        emit(n, first)
        builder.branch(latch)
    builder.position_at_end(latch)
    first.add_incoming(builder.add(first, length), latch)
    builder.branch(head)
    builder.position_at_end(done)


def elements(builder: ir.IRBuilder, first: Any, count: int, lanes: int) -> list[Any]:
    """Returns the first elements of `count` successive vectors, from vector `first` on."""
    return [builder.mul(builder.add(first, I64(i)), I64(lanes)) for i in range(count)]


def summed(
    builder: ir.IRBuilder, count: Any, sums: list[Any], term: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """Emits a loop over m < count that holds `sums` in registers, with sums = term(m, sums); returns the final
    sums."""
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


@intrinsic
def products(typingctx: Any, out: Any, o: Any, weights: Any, n: Any, rows: Any, first: Any, last: Any) -> Any:
    """out[o:o+4] = weights[n:n+4, first:last] @ rows[first:last], added to the present values if first is not 0.

    out (O,W), weights (N,M), rows (M,W). Every row that is read serves four signals.
    """
    i = types.intp
    return types.void(out, i, weights, i, rows, i, i), lambda *given: _products(4, *given)


@intrinsic
def product(typingctx: Any, out: Any, o: Any, weights: Any, n: Any, rows: Any, first: Any, last: Any) -> Any:
    """Like `products` for one signal: out[o] from weights[n], equal to the bit to the result among four."""
    i = types.intp
    return types.void(out, i, weights, i, rows, i, i), lambda *given: _products(1, *given)


def _products(signals: int, context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    out, o, weights, n, rows, start, end = arguments(context, builder, signature, args)
    width = rows.shape[1]
    outs = [out.at(builder.add(o, I64(s))) for s in range(signals)]
    each = [weights.at(builder.add(n, I64(s))) for s in range(signals)]
    begins = builder.icmp_signed("==", start, I64(0))
    zero = ir.Constant(rows.vector, [0.0] * rows.lanes)

    def emit(held: int, first: Any) -> None:
        places = elements(builder, first, held, rows.lanes)

        def term(m: Any, sums: list[Any]) -> list[Any]:
            row = builder.add(start, m)
            factors = [weight.spread(row) for weight in each]
            at = builder.mul(row, width)
            if signals == 1:
                rows.fetch(builder.add(at, builder.mul(I64(AHEAD), width)), places)
            vectors = [rows.load(builder.add(at, place)) for place in places]
            terms = (builder.fmul(factor, vector, flags=FUSED) for vector in vectors for factor in factors)
            return [builder.fadd(s, t, flags=FUSED) for s, t in zip(sums, terms, strict=True)]

        before = [builder.select(begins, zero, row.load(place)) for place in places for row in outs]
        sums = iter(summed(builder, builder.sub(end, start), before, term))
        for place in places:
            for row in outs:
                row.store(next(sums), place)

    stretches(builder, builder.udiv(width, I64(rows.lanes)), HELD // signals, emit)
    return context.get_dummy_value()


@intrinsic
def number(typingctx: Any, value: Any) -> Any:
    """Returns value itself, or the float32 of a float16 number given by its bits (uint16)."""
    if value != types.uint16:
        return value(value), lambda context, builder, signature, args: args[0]

    return types.float32(value), lambda context, builder, signature, args: _widened(builder, args[0])


@intrinsic
def turn(typingctx: Any, rows: Any, k: Any, f: Any, out: Any) -> Any:
    """out[f:f+n, k:k+n] = rows[k:k+n, f:f+n] transposed, for rows (K,F) and out (F,W), with n = `lanes`(rows), the
    elements of a vector. Blocks of 1, 2, 4, ... elements are exchanged in registers."""
    return types.void(rows, types.intp, types.intp, out), _turn


def _turn(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    rows, k, f, out = arguments(context, builder, signature, args)
    n = rows.lanes
    tile = [rows.at(builder.add(k, I64(i))).load(f) for i in range(n)]
    size = 1
    while size < n:
        low = [lane if not lane & size else n + lane - size for lane in range(n)]
        high = [lane + size if not lane & size else n + lane for lane in range(n)]
        masks = [ir.Constant(ir.VectorType(I32, n), places) for places in (low, high)]
        for i in range(n):
            if not i & size:
                a, b = tile[i], tile[i + size]
                tile[i], tile[i + size] = (builder.shuffle_vector(a, b, mask) for mask in masks)
        size *= 2
    for i, vector in enumerate(tile):
        out.at(builder.add(f, I64(i))).store(vector, k)
    return context.get_dummy_value()


@intrinsic
def lanes(typingctx: Any, rows: Any) -> Any:
    """Returns how many elements of an array a vector holds; 0 if they are not float32 or float64."""
    number = BYTES // (rows.dtype.bitwidth // 8) if rows.dtype in (types.float32, types.float64) else 0
    return types.intp(rows), lambda context, builder, signature, args: I64(number)

"""Vector registers for compiled loops: many numbers at once, and the inner tile of a matrix product.

LLVM turns these into the widest instructions of the processor at hand. `load`, `spread` and `spread_at` make
vectors of 64 bytes, eight float64 or sixteen float32 numbers; those in `_eight` of eight numbers of either
type, for rows that are no longer. `tile` is the register-blocked inner loop of a matrix product (Goto, van de
Geijn, ACM Trans. Math. Softw. 34, 12 (2008)). Arrays must be C-contiguous and one-dimensional; indices are
not checked.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

EIGHT = 8
VECTOR = 64  # bytes
REGISTER = 64 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 32  # bytes
ROWS, VECTORS = 4, 3  # of a tile: 12 sums, 3 columns and a row fit into 16 registers
ALIGNMENT = 64  # bytes


def lanes(dtype: Any) -> int:
    """Numbers in a vector."""
    return VECTOR // np.dtype(dtype).itemsize


def columns(dtype: Any) -> int:
    """Columns of a tile."""
    return VECTORS * REGISTER // np.dtype(dtype).itemsize


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    first = -raw.ctypes.data % ALIGNMENT
    return raw[first : first + size].view(dtype).reshape(shape)


class _Vector(types.Type):
    """So many numbers of one type."""

    def __init__(self, dtype: types.Type, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(name=f"vector({count} x {dtype})")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Vector) -> None:
        super().__init__(manager, kind, ir.VectorType(manager[kind.dtype].get_value_type(), kind.count))


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _fma(builder: Any, vector: Any, bits: int) -> Any:
    name = f"llvm.fma.v{vector.count}f{bits}"
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)


def _spread(builder: Any, vector: Any, value: Any) -> Any:
    i32, nothing = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(i32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(i32, vector.count), None))


def _full(array: Any) -> _Vector:
    return _Vector(array.dtype, VECTOR * 8 // array.dtype.bitwidth)


def _eight(array: Any) -> _Vector:
    return _Vector(array.dtype, EIGHT)


def _load(kind: _Vector, array: Any) -> tuple[Any, Any]:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = context.get_value_type(kind)
        pointer = _pointer(context, builder, array, *arguments)
        return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=array.dtype.bitwidth // 8)

    return kind(array, types.intp), codegen


def _spread_value(kind: _Vector, array: Any, value: Any) -> tuple[Any, Any]:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[1], value, array.dtype)
        return _spread(builder, context.get_value_type(kind), number)

    return kind(array, value), codegen


def _spread_at(kind: _Vector, array: Any) -> tuple[Any, Any]:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, array, *arguments)
        number = builder.load(pointer, align=array.dtype.bitwidth // 8)
        return _spread(builder, context.get_value_type(kind), number)

    return kind(array, types.intp), codegen


@intrinsic
def lanes_of(typing, array):
    """Numbers in a vector of those that `array` holds, a constant."""
    count = _full(array).count

    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.intp, count)

    return types.intp(array), codegen


@intrinsic
def load(typing, array, index):
    """The vector of numbers from `array[index]` on."""
    return _load(_full(array), array)


@intrinsic
def load_eight(typing, array, index):
    """The eight numbers from `array[index]` on."""
    return _load(_eight(array), array)


@intrinsic
def store(typing, array, index, value):
    """Write a vector to `array[index]` and on."""
    size = array.dtype.bitwidth // 8

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(context, builder, array, *arguments[:2])
        builder.store(arguments[2], builder.bitcast(pointer, arguments[2].type.as_pointer()), align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def spread(typing, array, value):
    """A vector that is `value` throughout, as numbers of the type that `array` holds."""
    return _spread_value(_full(array), array, value)


@intrinsic
def spread_eight(typing, array, value):
    """Eight times `value`, as numbers of the type that `array` holds."""
    return _spread_value(_eight(array), array, value)


@intrinsic
def spread_at(typing, array, index):
    """A vector that is the number `array[index]` throughout."""
    return _spread_at(_full(array), array)


@intrinsic
def spread_eight_at(typing, array, index):
    """Eight times the number `array[index]`."""
    return _spread_at(_eight(array), array)


@intrinsic
def mul_add(typing, a, b, c):
    """a·b + c of vectors, rounded once."""

    def codegen(context, builder, signature, arguments):
        return builder.call(_fma(builder, arguments[0].type, a.dtype.bitwidth), arguments)

    return a(a, b, c), codegen


@intrinsic
def mul(typing, a, b):
    """a·b of vectors."""

    def codegen(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return a(a, b), codegen


@intrinsic
def total(typing, a):
    """Sum of the numbers."""

    def codegen(context, builder, signature, arguments):
        (value,) = arguments
        i32, count = ir.IntType(32), a.count
        while count > 1:
            count //= 2
            nothing = ir.Constant(value.type, ir.Undefined)
            halves = [
                builder.shuffle_vector(
                    value,
                    nothing,
                    ir.Constant(ir.VectorType(i32, count), list(range(first, first + count))),
                )
                for first in (0, count)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(i32, 0))

    return a.dtype(a), codegen


@intrinsic
def tile(typing, a, a0, row, b, b0, c, c0, width, depth, add):
    """Four rows of a matrix product: c[r, :] (+)= Σ_k a[r, k] · b[k, :], over the columns of one panel.

    a, c: rows begin `row` and `width` numbers after one another, the first at a0 and c0. b: (depth, columns)
    panel beginning at b0. add: keep what c holds.
    """
    number = types.intp
    signature = types.void(a, number, number, b, number, c, number, number, number, types.boolean)
    kind, bits = a.dtype, a.dtype.bitwidth

    def codegen(context, builder, signature, arguments):
        a_array, a_first, row, b_array, b_first, c_array, c_first, width, depth, add = arguments
        lanes = REGISTER * 8 // bits
        vector = ir.VectorType(context.get_data_type(kind), lanes)
        fma = _fma(builder, vector, bits)
        integer = row.type
        everything = [(r, v) for r in range(ROWS) for v in range(VECTORS)]

        def constant(value: int) -> Any:
            return ir.Constant(integer, value)

        def at(pointer: Any, *offsets: Any) -> Any:
            for offset in offsets:
                pointer = builder.gep(pointer, [offset])
            return pointer

        def wide(pointer: Any) -> Any:
            return builder.bitcast(pointer, vector.as_pointer())

        first_a = _pointer(context, builder, a, a_array, a_first)
        first_b = _pointer(context, builder, b, b_array, b_first)
        first_c = _pointer(context, builder, c, c_array, c_first)
        rows_a = [builder.mul(row, constant(r)) for r in range(ROWS)]
        rows_c = [at(first_c, builder.mul(width, constant(r))) for r in range(ROWS)]
        targets = {(r, v): wide(at(rows_c[r], constant(v * lanes))) for r, v in everything}

        entry = builder.block
        keep, begin, loop, end = (builder.append_basic_block(n) for n in ("keep", "begin", "loop", "end"))
        builder.cbranch(add, keep, begin)
        builder.position_at_end(keep)
        held = {at: builder.load(pointer, align=bits // 8) for at, pointer in targets.items()}
        builder.branch(begin)
        builder.position_at_end(begin)
        start = {}
        for key in everything:
            start[key] = builder.phi(vector)
            start[key].add_incoming(ir.Constant(vector, None), entry)
            start[key].add_incoming(held[key], keep)
        builder.branch(loop)

        builder.position_at_end(loop)
        k, sums = builder.phi(integer), {key: builder.phi(vector) for key in everything}
        k.add_incoming(constant(0), begin)
        b_row = at(first_b, builder.mul(k, constant(VECTORS * lanes)))
        panel = [builder.load(wide(at(b_row, constant(v * lanes))), align=bits // 8) for v in range(VECTORS)]
        for r in range(ROWS):
            factor = _spread(builder, vector, builder.load(at(first_a, rows_a[r], k), align=bits // 8))
            for v in range(VECTORS):
                new = builder.call(fma, [factor, panel[v], sums[r, v]])
                sums[r, v].add_incoming(start[r, v], begin)
                sums[r, v].add_incoming(new, loop)
                sums[r, v] = new
        after = builder.add(k, constant(1))
        k.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", after, depth), loop, end)

        builder.position_at_end(end)
        for key, pointer in targets.items():
            builder.store(sums[key], pointer, align=bits // 8)
        return context.get_dummy_value()

    return signature, codegen

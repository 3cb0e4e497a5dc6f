"""Pieces of LLVM's language that kernels written in its own vector types are made of.

In: llvmlite's builder, and values of LLVM. Out: values of LLVM.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils

BIT, I8, I16, I32, I64 = (ir.IntType(width) for width in (1, 8, 16, 32, 64))
F32 = ir.FloatType()


def data(context: Any, builder: Any, signature: Any, index: int, array: Any) -> Any:
    return context.make_array(signature.args[index])(context, builder, array).data


def splat(builder: Any, number: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    one = builder.insert_element(empty, number, I32(0))
    return builder.shuffle_vector(one, empty, ir.Constant(ir.VectorType(I32, lanes), [0] * lanes))


def load(builder: Any, data: Any, start: Any, kind: Any, lanes: int) -> Any:
    pointer = builder.gep(data, [start])
    vector = builder.load(builder.bitcast(pointer, ir.VectorType(kind, lanes).as_pointer()))
    vector.align = kind.width // 8 if isinstance(kind, ir.IntType) else 4
    return vector


def store(builder: Any, vector: Any, data: Any, start: Any) -> None:
    pointer = builder.bitcast(builder.gep(data, [start]), vector.type.as_pointer())
    builder.store(vector, pointer).align = 2


def gather(builder: Any, data: Any, places: Any, kind: Any) -> Any:
    """Load the elements of `data` at a vector of places."""
    lanes = places.type.count
    pointers = builder.gep(data, [places], source_etype=kind)
    # llvmlite does not know that a vector of places gives a vector of pointers.
    pointers.type = ir.VectorType(pointers.type, lanes)
    vector, bits = ir.VectorType(kind, lanes), ir.VectorType(BIT, lanes)
    name = f"llvm.masked.gather.v{lanes}{'f32' if kind is F32 else 'f64'}.v{lanes}p0"
    gather = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [pointers.type, I32, bits, vector]), name
    )
    every, none = ir.Constant(bits, [1] * lanes), ir.Constant(vector, ir.Undefined)
    return builder.call(gather, [pointers, I32(4 if kind is F32 else 8), every, none])


def halved(builder: Any, vector: Any, sign: str) -> Any:
    """Return the least ("<") or the greatest (">") of a vector of numbers, none of them NaN."""
    lanes = vector.type.count
    while lanes > 1:
        lanes //= 2
        low, high = (
            builder.shuffle_vector(
                vector, vector, ir.Constant(ir.VectorType(I32, lanes), list(places))
            )
            for places in (range(lanes), range(lanes, 2 * lanes))
        )
        vector = builder.select(builder.fcmp_ordered(sign, low, high), low, high)
    return builder.extract_element(vector, I32(0))

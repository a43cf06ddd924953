"""Arrays and tensors with their shapes, for signatures: jaxtyping's, for readers and type checkers.

Whoever runs alframe need not have jaxtyping: shapes stand in quotes, and nothing evaluates them.
``Tensor`` is for modules that may not import torch, which takes seconds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool as Bool
    from jaxtyping import Float as Float
    from jaxtyping import Float32 as Float32
    from jaxtyping import Float64 as Float64
    from jaxtyping import Int as Int
    from jaxtyping import UInt8 as UInt8
    from torch import Tensor as Tensor
else:
    Bool = Float = Float32 = Float64 = Int = UInt8 = Tensor = Any

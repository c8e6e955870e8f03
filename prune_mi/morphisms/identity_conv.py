"""A convolution that is the identity, to grow another one from.

With a Dirac kernel K[p, p, i, i] = 1, 'same' padding and stride 1, conv(x) = x. The place p is that
of the output position itself: 'same' padding puts (k - 1) // 2 values before it and the rest behind
it, so p = (k - 1) // 2: the centre for an odd k, the place before the middle for an even one.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH); sizes from 3
to 5 from Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

import numpy as np

SIZES = (3, 4, 5)


def draw_size(rng: np.random.Generator) -> int:
    """Rows and columns of a new kernel."""
    return int(rng.choice(SIZES))


def dirac_kernel(size: int, channels: int) -> np.ndarray:
    """A kernel of `size` rows and columns, float32 `(size, size, channels, channels)`."""
    kernel = np.zeros((size, size, channels, channels), np.float32)
    kernel[(size - 1) // 2, (size - 1) // 2] = np.eye(channels, dtype=np.float32)
    return kernel

// exp(−x) for x ≥ 0, to the last digit but one, for a register full of numbers.
#pragma once
#include "lanes.h"

namespace superion {

// Range reduction by multiples of ln 2 in two parts, then the Taylor series up to r¹³ on |r| ≤ ln(2)/2.
inline Lanes exp_minus(Lanes x)
{
  typedef long long Integers __attribute__((vector_size(sizeof(Lanes))));
  constexpr double SHIFT = 6755399441055744.0;  // 1.5·2⁵²: adding it rounds to an integer in the lowest bits
  x = x < 700.0 ? x : Lanes{} + 700.0;
  const Lanes shifted = x * -1.4426950408889634074 + SHIFT, k = shifted - SHIFT;
  const Lanes r = (-x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  Lanes p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
  for (double factorial : {39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0})
    p = p * r + 1.0 / factorial;
  // k is added to the exponent
  return reinterpret_cast<Lanes>(reinterpret_cast<Integers>(p) + (reinterpret_cast<Integers>(shifted) << 52));
}

}  // namespace superion

// exp(−x) for x ≥ 0 to the last digit but one, in a form that compilers vectorise.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace superion {

// Range reduction by multiples of ln 2 in two parts, then the Taylor series up to r¹³ on |r| ≤ ln(2)/2.
inline double exp_minus(double x)
{
  x = x < 700.0 ? -x : -700.0;
  const double k = std::nearbyint(x * 1.4426950408889634074);
  const double r = std::fma(-k, 1.90821492927058770002e-10, std::fma(-k, 6.93147180369123816490e-01, x));
  double p = 1.0 / 6227020800.0;
  p = std::fma(p, r, 1.0 / 479001600.0);
  p = std::fma(p, r, 1.0 / 39916800.0);
  p = std::fma(p, r, 1.0 / 3628800.0);
  p = std::fma(p, r, 1.0 / 362880.0);
  p = std::fma(p, r, 1.0 / 40320.0);
  p = std::fma(p, r, 1.0 / 5040.0);
  p = std::fma(p, r, 1.0 / 720.0);
  p = std::fma(p, r, 1.0 / 120.0);
  p = std::fma(p, r, 1.0 / 24.0);
  p = std::fma(p, r, 1.0 / 6.0);
  p = std::fma(p, r, 0.5);
  p = std::fma(p, r, 1.0);
  p = std::fma(p, r, 1.0);
  // the lowest bits of k + 1.5·2⁵² are the integer k, which is added to the exponent
  const double shifted = k + 6755399441055744.0;
  std::int64_t whole, bits;
  std::memcpy(&whole, &shifted, 8);
  std::memcpy(&bits, &p, 8);
  bits += static_cast<std::int64_t>(static_cast<std::uint64_t>(whole) << 52);
  std::memcpy(&p, &bits, 8);
  return p;
}

}  // namespace superion

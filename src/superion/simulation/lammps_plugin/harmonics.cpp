#include "harmonics.h"

#include <cmath>

#include "environment.h"

namespace superion {

Harmonics::Harmonics(int l_max) :
    value((l_max + 1) * (l_max + 1)), dx(value), dy(value), dz(value), l_max(l_max), factors(value.size()),
    q((l_max + 2) * (l_max + 2)), c(l_max + 1), s(l_max + 1)
{
  for (int l = 0; l <= l_max; ++l)
    for (int m = 0; m <= l; ++m) {
      const double ratio = std::tgamma(l - m + 1.0) / std::tgamma(l + m + 1.0);
      const double factor = std::sqrt((2 * l + 1) / (4 * PI) * ratio) * (m == 0 ? 1.0 : std::sqrt(2.0));
      factors[l * l + l + m] = factors[l * l + l - m] = factor;
    }
}

void Harmonics::compute(Lanes x, Lanes y, Lanes z)
{
  const int step = l_max + 2;
  const Lanes zero = {}, one = zero + 1.0;
  c[0] = one;
  s[0] = zero;
  for (int m = 0; m < l_max; ++m) {
    c[m + 1] = x * c[m] - y * s[m];
    s[m + 1] = x * s[m] + y * c[m];
  }
  q[0] = one;
  for (int m = 1; m <= l_max; ++m) q[m * step + m] = double(2 * m - 1) * q[(m - 1) * step + m - 1];
  for (int m = 0; m < l_max; ++m) q[(m + 1) * step + m] = double(2 * m + 1) * z * q[m * step + m];
  for (int m = 0; m < l_max - 1; ++m)
    for (int l = m + 2; l <= l_max; ++l)
      q[l * step + m] =
          (double(2 * l - 1) * z * q[(l - 1) * step + m] - double(l + m - 1) * q[(l - 2) * step + m]) *
          (1.0 / (l - m));
  for (int l = 0; l <= l_max; ++l)
    for (int m = 0; m <= l; ++m) {
      const int plus = l * l + l + m, minus = l * l + l - m;
      const double f = factors[plus], order = m;
      const Lanes here = f * q[l * step + m];
      const Lanes up = l > m ? f * (l + m) * q[(l - 1) * step + m] : zero;
      const Lanes radial = l >= m + 2 ? -f * q[(l - 1) * step + m + 1] : zero;
      const Lanes cosine = m > 0 ? order * c[m - 1] : zero, sine = m > 0 ? order * s[m - 1] : zero;
      value[plus] = here * c[m];
      dx[plus] = x * radial * c[m] + here * cosine;
      dy[plus] = y * radial * c[m] - here * sine;
      dz[plus] = up * c[m];
      if (m == 0) continue;
      value[minus] = here * s[m];
      dx[minus] = x * radial * s[m] + here * sine;
      dy[minus] = y * radial * s[m] + here * cosine;
      dz[minus] = up * s[m];
    }
}

}  // namespace superion

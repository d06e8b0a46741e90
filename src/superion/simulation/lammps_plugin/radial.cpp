#include "radial.h"

#include <algorithm>
#include <cmath>

namespace superion {

namespace {

typedef std::vector<std::vector<long double>> Square;

constexpr double SPACING = 0.02;  // Å between knots

Square cholesky(Square a)
{
  const int n = static_cast<int>(a.size());
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      if (j > i) {
        a[i][j] = 0.0L;
        continue;
      }
      for (int k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(a[i][i]) : a[i][j] / a[j][j];
    }
  return a;
}

// Solution x of a·x = b by elimination with pivots
Square solve(Square a, Square b)
{
  const int n = static_cast<int>(a.size());
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (int i = k + 1; i < n; ++i) {
      const long double factor = a[i][k] / a[k][k];
      for (int j = 0; j < n; ++j) {
        a[i][j] -= factor * a[k][j];
        b[i][j] -= factor * b[k][j];
      }
    }
  }
  for (int i = n - 1; i >= 0; --i)
    for (int j = 0; j < n; ++j) {
      for (int k = i + 1; k < n; ++k) b[i][j] -= a[i][k] * b[k][j];
      b[i][j] /= a[i][i];
    }
  return b;
}

// Orthogonalising matrix of Gaussians about `centres` (Å), alpha in 1/Å²
Square transformation(const std::vector<double> &centres, double alpha)
{
  const std::size_t n = centres.size();
  Square overlap(n, std::vector<long double>(n)), gram = overlap;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double a = centres[i], b = centres[j], sum = a + b, gap = a - b;
      overlap[i][j] = (std::exp(-alpha * (a * a + b * b)) * std::sqrt(2.0) * std::pow(alpha, 1.5) * sum +
                       alpha * std::exp(-0.5 * alpha * gap * gap) * std::sqrt(std::acos(-1.0)) *
                           (1 + alpha * sum * sum) * (1 + std::erf(std::sqrt(alpha / 2) * sum))) /
          std::sqrt(128 * std::pow(alpha, 5));
      gram[i][j] = std::exp(-alpha * gap * gap);
    }
  return solve(gram, cholesky(overlap));
}

// exp(−x)·i_l(x), by the continued fraction of the ratios (Gautschi, SIAM Rev. 9, 24 (1967))
std::vector<double> scaled_bessel(double x, int l_max)
{
  std::vector<double> values(l_max + 1), ratios(l_max + 1);
  double ratio = 0.0;
  for (int l = l_max + 60 + static_cast<int>(x); l > 0; --l) {
    ratio = x / ((2 * l + 1) + x * ratio);
    if (l <= l_max) ratios[l] = ratio;
  }
  values[0] = x > 1e-8 ? -std::expm1(-2 * x) / (2 * x) : 1.0 - x;
  for (int l = 1; l <= l_max; ++l) values[l] = values[l - 1] * ratios[l];
  return values;
}

std::vector<double> slopes(const std::vector<double> &i)
{
  std::vector<double> values;
  for (std::size_t l = 0; l + 1 < i.size(); ++l)
    values.push_back(((l ? l * i[l - 1] : 0.0) + (l + 1) * i[l + 1]) / (2 * l + 1));
  return values;
}

}  // namespace

RadialTable::RadialTable(double cutoff, int n_max, int l_max, double atom_sigma) :
    intervals(static_cast<int>(std::ceil(cutoff / SPACING))), size((l_max + 1) * n_max),
    spacing(cutoff / intervals), table(static_cast<std::size_t>(intervals) * 6 * size)
{
  const double alpha = 0.5 / (atom_sigma * atom_sigma);
  const double reach = cutoff + atom_sigma * std::sqrt(2 * 10 * std::log(10.0));
  std::vector<double> centres;
  for (int n = 0; n < n_max; ++n) centres.push_back(n * reach / n_max);
  const Square matrix = transformation(centres, alpha);

  // value and first two derivatives, in units of the spacing, at each knot
  std::vector<std::vector<double>> f[3];
  for (int knot = 0; knot <= intervals; ++knot) {
    const double r = knot * spacing;
    std::vector<long double> sum[3];
    for (auto &part : sum) part.assign(size, 0.0L);
    for (int m = 0; m < n_max; ++m) {
      const double scale = 2 * alpha * centres[m];  // the argument of i_l is scale · r
      const auto i0 = scaled_bessel(scale * r, l_max + 2), i1 = slopes(i0), i2 = slopes(i1);
      const double gauss = std::exp(-alpha * (r - centres[m]) * (r - centres[m]));
      for (int l = 0; l <= l_max; ++l) {
        const double weight = gauss / std::pow(2 * l + 1, 0.25);
        const double g0 = weight * i0[l];
        const double g1 = weight * (scale * i1[l] - 2 * alpha * r * i0[l]);
        const double g2 = weight * (scale * scale * i2[l] - 4 * alpha * r * scale * i1[l] +
                                    (4 * alpha * alpha * r * r - 2 * alpha) * i0[l]);
        for (int n = 0; n < n_max; ++n) {
          sum[0][l * n_max + n] += g0 * matrix[m][n];
          sum[1][l * n_max + n] += g1 * spacing * matrix[m][n];
          sum[2][l * n_max + n] += g2 * spacing * spacing * matrix[m][n];
        }
      }
    }
    for (int d = 0; d < 3; ++d) f[d].emplace_back(sum[d].begin(), sum[d].end());
  }
  for (int k = 0; k < intervals; ++k)
    for (int n = 0; n < size; ++n) {
      const double jump = f[0][k + 1][n] - f[0][k][n];
      const double d0 = f[1][k][n], d1 = f[1][k + 1][n], s0 = f[2][k][n], s1 = f[2][k + 1][n];
      double *to = &table[static_cast<std::size_t>(k) * 6 * size + n];
      to[0] = f[0][k][n];
      to[size] = d0;
      to[2 * size] = s0 / 2;
      to[3 * size] = 10 * jump - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1;
      to[4 * size] = -15 * jump + 8 * d0 + 7 * d1 + 1.5 * s0 - s1;
      to[5 * size] = 6 * jump - 3 * d0 - 3 * d1 - 0.5 * s0 + 0.5 * s1;
    }
}

}  // namespace superion

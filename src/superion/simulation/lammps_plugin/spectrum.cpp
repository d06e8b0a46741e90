#include "spectrum.h"

#include <algorithm>
#include <cmath>

#include "lanes.h"

namespace superion {

namespace {

constexpr int BAND = 4;  // rows whose sums stay in registers
constexpr int ROUND = LANES > BAND ? LANES : BAND;

// R rows of c (·, stride), times a matrix (channels, stride)
template <int R> void rows_times(const double *c, const double *matrix, int channels, int stride, double *out)
{
  for (int b = 0; b < stride; b += LANES) {
    Lanes sum[R] = {};
    for (int a = 0; a < channels; ++a)
      for (int r = 0; r < R; ++r) sum[r] += c[r * stride + a] * load(matrix + a * stride + b);
    for (int r = 0; r < R; ++r) store(out + r * stride + b) = sum[r];
  }
}

}  // namespace

Spectrum::Spectrum(int l_max, int channels) :
    l_max(l_max), channels(channels), stride((channels + ROUND - 1) / ROUND * ROUND),
    size(static_cast<std::size_t>(l_max + 1) * channels * (channels + 1) / 2), matrix(stride * stride)
{
}

double Spectrum::normalised(const double *c, double *p)
{
  const double root = std::sqrt(2.0);
  double *to = p, square = 0.0;
  for (int l = 0; l <= l_max; ++l) {
    const double *begin = c + l * l * stride, *end = c + (l + 1) * (l + 1) * stride;
    for (int a = 0; a < channels; a += BAND)
      for (int b = a - a % LANES; b < channels; b += LANES) {
        Lanes sum[BAND] = {};
        for (const double *row = begin; row < end; row += stride)
          for (int r = 0; r < BAND; ++r) sum[r] += row[a + r] * load(row + b);
        for (int r = 0; r < BAND; ++r) store(&matrix[(a + r) * stride + b]) = sum[r];
      }
    for (int a = 0; a < channels; ++a) {
      const double *from = &matrix[a * stride + a];
      const int rest = channels - a;
      to[0] = from[0];
      for (int b = 1; b < rest; ++b) to[b] = root * from[b];
      to += rest;
    }
  }
#pragma omp simd reduction(+ : square)
  for (std::size_t d = 0; d < size; ++d) square += p[d] * p[d];
  const double norm = std::sqrt(square), inverse = 1.0 / norm;
  for (std::size_t d = 0; d < size; ++d) p[d] *= inverse;
  return norm;
}

void Spectrum::vjp(const double *c, const double *p, double norm, const double *gp, double *gc)
{
  double along = 0.0;
#pragma omp simd reduction(+ : along)
  for (std::size_t d = 0; d < size; ++d) along += gp[d] * p[d];
  const double factor = std::sqrt(2.0) / norm;
  double *square = matrix.data();
  for (int l = 0; l <= l_max; ++l) {
    for (int a = 0; a < channels; ++a) {
      double *to = square + a * stride + a;
      const int rest = channels - a;
      for (int b = 0; b < rest; ++b) to[b] = factor * (gp[b] - along * p[b]);
      to[0] *= std::sqrt(2.0);
      gp += rest;
      p += rest;
    }
    for (int a = 1; a < channels; ++a)
      for (int b = 0; b < a; ++b) square[a * stride + b] = square[b * stride + a];
    const int end = (l + 1) * (l + 1);
    for (int lm = l * l; lm < end; lm += 3) {
      const double *from = c + lm * stride;
      double *to = gc + lm * stride;
      if (end - lm >= 3) rows_times<3>(from, square, channels, stride, to);
      else if (end - lm == 2) rows_times<2>(from, square, channels, stride, to);
      else rows_times<1>(from, square, channels, stride, to);
    }
  }
}

}  // namespace superion

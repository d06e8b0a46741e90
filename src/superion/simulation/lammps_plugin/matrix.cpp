// Blocked as in Goto and van de Geijn, ACM Trans. Math. Softw. 34, 12 (2008): a tile of the product stays in
// registers, a panel of the constant matrix in the first cache, the block of the left factor in the second.
#include "matrix.h"

#include <algorithm>
#include <cstring>

#include "lanes.h"

namespace superion {

namespace {

constexpr int VECTORS = LANES > 2 ? 3 : 2, ROWS = LANES > 4 ? 8 : 4;  // 32 registers, or 16
constexpr int COLUMNS = LANES * VECTORS;
constexpr std::size_t DEPTH = 128;

// One tile: `depth` products of ROWS numbers with COLUMNS numbers
inline void tile(std::size_t depth, const double *a, const double *b, double *out)
{
  Lanes sum[ROWS][VECTORS] = {};
  for (std::size_t k = 0; k < depth; ++k, a += ROWS, b += COLUMNS)
    for (int i = 0; i < ROWS; ++i)
      for (int j = 0; j < VECTORS; ++j)
        sum[i][j] += a[i] * load(b + j * LANES);
  std::memcpy(out, sum, sizeof(sum));
}

}  // namespace

Matrix::Matrix(const double *values, std::size_t count, std::size_t columns, bool transposed) :
    depth(count), width(columns), panels((columns + COLUMNS - 1) / COLUMNS), packed(count * panels * COLUMNS)
{
  double *to = packed.data();
  for (std::size_t block = 0; block < depth; block += DEPTH)
    for (std::size_t panel = 0; panel < panels; ++panel)
      for (std::size_t k = block; k < std::min(depth, block + DEPTH); ++k)
        for (std::size_t j = panel * COLUMNS; j < (panel + 1) * COLUMNS; ++j)
          *to++ = j >= width ? 0.0 : transposed ? values[j * depth + k] : values[k * width + j];
}

void Matrix::multiply(const double *left, std::size_t count, double *out)
{
  double part[ROWS * COLUMNS];
  const std::size_t bands = (count + ROWS - 1) / ROWS;
  rows.resize(bands * ROWS * DEPTH);
  std::fill(out, out + count * width, 0.0);
  const double *block = packed.data();
  for (std::size_t begin = 0; begin < depth; begin += DEPTH) {
    const std::size_t length = std::min(DEPTH, depth - begin);
    for (std::size_t band = 0; band < bands; ++band)
      for (int i = 0; i < ROWS; ++i) {
        const std::size_t row = band * ROWS + i;
        double *to = rows.data() + band * ROWS * length + i;
        for (std::size_t k = 0; k < length; ++k)
          to[k * ROWS] = row < count ? left[row * depth + begin + k] : 0.0;
      }
    for (std::size_t panel = 0; panel < panels; ++panel, block += length * COLUMNS)
      for (std::size_t band = 0; band < bands; ++band) {
        tile(length, rows.data() + band * ROWS * length, block, part);
        const std::size_t used = std::min<std::size_t>(COLUMNS, width - panel * COLUMNS);
        for (std::size_t i = 0; i < std::min<std::size_t>(ROWS, count - band * ROWS); ++i) {
          double *to = out + (band * ROWS + i) * width + panel * COLUMNS;
          for (std::size_t j = 0; j < used; ++j) to[j] += part[i * COLUMNS + j];
        }
      }
  }
}

}  // namespace superion

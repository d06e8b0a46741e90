// Products with a constant matrix, which is laid out for them once.
#pragma once
#include <cstddef>
#include <vector>

namespace superion {

class Matrix {
 public:
  Matrix() = default;
  // values (rows, columns), row by row; with `transposed`, the matrix is that of (columns, rows) values
  Matrix(const double *values, std::size_t rows, std::size_t columns, bool transposed);
  // out (count, columns) = left (count, rows) · matrix
  void multiply(const double *left, std::size_t count, double *out);
  std::size_t columns() const { return width; }

 private:
  std::size_t depth = 0, width = 0, panels = 0;
  std::vector<double> packed;  // blocks of DEPTH rows, in them panels of columns
  std::vector<double> rows;    // the same of the left factor
};

}  // namespace superion

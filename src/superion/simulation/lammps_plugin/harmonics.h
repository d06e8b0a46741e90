// Real spherical harmonics of unit vectors and the gradients of the solid ones.
#pragma once
#include <vector>

namespace superion {

// Recurrences of Bigi, Fraux, Browning, Ceriotti, J. Chem. Phys. 159, 064802 (2023). lm = l² + l + m.
class Harmonics {
 public:
  explicit Harmonics(int l_max);
  void compute(double x, double y, double z);
  std::vector<double> value, dx, dy, dz;

 private:
  int l_max;
  std::vector<double> factors, q, c, s;
};

}  // namespace superion

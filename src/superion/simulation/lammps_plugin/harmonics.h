// Real spherical harmonics of some unit vectors at a time, and the gradients of the solid ones.
#pragma once
#include <vector>

#include "lanes.h"

namespace superion {

// Recurrences of Bigi, Fraux, Browning, Ceriotti, J. Chem. Phys. 159, 064802 (2023). lm = l² + l + m.
class Harmonics {
 public:
  explicit Harmonics(int l_max);
  void compute(Lanes x, Lanes y, Lanes z);
  std::vector<Lanes> value, dx, dy, dz;

 private:
  int l_max;
  std::vector<double> factors;
  std::vector<Lanes> q, c, s;
};

}  // namespace superion

// Radial functions of the density expansion on a quintic spline.
#pragma once
#include <vector>

namespace superion {

// g_nl(r) of Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), as QUIP defines them, divided by
// (2l + 1)^¼; table[(interval · 6 + power) · size + l · n_max + n], with size = (l_max + 1) · n_max.
struct RadialTable {
  RadialTable(double cutoff, int n_max, int l_max, double atom_sigma);
  int intervals, size;
  double spacing;  // Å
  std::vector<double> table;
};

}  // namespace superion

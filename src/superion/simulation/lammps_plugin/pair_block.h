// 2-body block: Gaussian kernels on the distance of two atoms.
#pragma once
#include "environment.h"
#include "model_file.h"

namespace superion {

class PairBlock : public Block {
 public:
  PairBlock(const json &settings, const Arrays &arrays, const double *weights);
  double cutoff() const override { return reach; }
  bool knows(int z) const override { return index[z] >= 0; }
  const char *name() const override { return "the 2-body block"; }
  void add(const Environments &around, Derivatives &out) override;
  std::size_t size() const { return used; }

 private:
  double reach, width, inverse;
  int count = 0;
  std::size_t used = 0;                      // weights
  std::vector<int> index;                    // by atomic number
  std::vector<int> first;                    // by pair of species
  std::vector<double> points, coefficients;  // Å, eV
  int kind(int a, int b) const;
};

// Positions of the atomic numbers named in a block's settings, −1 for all others
std::vector<int> species_index(const json &settings, std::vector<int> &sorted);

}  // namespace superion

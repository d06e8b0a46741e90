// 3-body block: Gaussian kernels on the triangle of an atom and two neighbours.
#pragma once
#include "environment.h"
#include "model_file.h"

namespace superion {

class AngleBlock : public Block {
 public:
  AngleBlock(const json &settings, const Arrays &arrays, const double *weights);
  double cutoff() const override { return reach; }
  bool knows(int z) const override { return index[z] >= 0; }
  const char *name() const override { return "the 3-body block"; }
  void add(const Environments &around, Derivatives &out) override;
  std::size_t size() const { return used; }

 private:
  double reach, width, inverse[3];
  int count = 0;
  std::size_t used = 0;                     // weights
  std::vector<int> index, first;            // by atomic number, by class of triangles
  std::vector<double> point[3];             // scaled descriptors
  std::vector<double> coefficients;         // eV
  std::vector<int> near;                    // neighbours of one atom within the cutoff
  std::vector<double> value, slope;         // and the cutoff function of their distances
  int kind(int centre, int a, int b) const;
  void triangle(const Environments &around, int a, int p, int q, Derivatives &out) const;
};

}  // namespace superion

// Short-range repulsion: ZBL and a cubic term below a radius for each pair of species.
#pragma once
#include "environment.h"
#include "model_file.h"

namespace superion {

class Repulsion : public Block {
 public:
  explicit Repulsion(const json &settings);
  double cutoff() const override { return reach; }
  bool knows(int z) const override { return index[z] >= 0; }
  const char *name() const override { return "the repulsion"; }
  void add(const Environments &around, Derivatives &out) override;

 private:
  double height, reach = 0.0;
  int count = 0;
  std::vector<int> index;
  std::vector<double> outer;  // Å, by pair of species
};

}  // namespace superion

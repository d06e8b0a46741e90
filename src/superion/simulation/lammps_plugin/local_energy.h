// The local part of a model: a constant per element and blocks that are sums over atoms.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "environment.h"

namespace superion {

class LocalEnergy {
 public:
  // bytes: the model file. electrostatics: whether the model may have a Coulomb term, which is left out
  LocalEnergy(const std::string &bytes, bool electrostatics);
  double cutoff() const;
  void check(const std::string &element) const;  // ModelError for elements that some part does not know
  void evaluate(const Environments &around, Derivatives &out);

 private:
  std::vector<std::unique_ptr<Block>> blocks;
  std::map<int, double> baseline;  // eV
};

}  // namespace superion

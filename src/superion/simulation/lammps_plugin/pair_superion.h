// LAMMPS pair style `superion`: the local terms of a superion model file.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "local_energy.h"
#include "pair.h"

namespace superion {

class PairSuperion : public LAMMPS_NS::Pair {
 public:
  explicit PairSuperion(LAMMPS_NS::LAMMPS *lmp);
  ~PairSuperion() override;
  void settings(int narg, char **arg) override;
  void coeff(int narg, char **arg) override;
  void init_style() override;
  double init_one(int i, int j) override;
  void compute(int eflag, int vflag) override;
  double memory_usage() override;

 private:
  std::string read(const std::string &path);  // on the first rank, for all
  void gather(const int *atoms, int count);
  void tally(const int *atoms);
  void refuse_overlap();

  bool electrostatics = false;
  std::unique_ptr<LocalEnergy> model;
  std::vector<int> numbers;  // atomic number of each type
  Environments around;
  Derivatives derivatives;
  struct {
    double distance;
    int rank;
  } closest{};  // atoms of a step
  LAMMPS_NS::tagint pair[2] = {0, 0};
};

}  // namespace superion

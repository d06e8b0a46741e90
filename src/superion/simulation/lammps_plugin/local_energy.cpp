#include "local_energy.h"

#include <algorithm>

#include "angle_block.h"
#include "model_file.h"
#include "pair_block.h"
#include "repulsion.h"
#include "soap_block.h"

namespace superion {

LocalEnergy::LocalEnergy(const std::string &bytes, bool electrostatics)
{
  const ModelFile file(bytes);
  try {
    for (std::size_t k = 0; k < file.terms.size(); ++k) {
      const std::string kind = file.terms[k].at("kind");
      const json &settings = file.terms[k].at("settings");
      const Arrays arrays = file.arrays.below("term_" + std::to_string(k) + ".");
      if (kind == "repulsion") {
        blocks.push_back(std::make_unique<Repulsion>(settings));
      } else if (kind == "coulomb") {
        if (!electrostatics)
          throw ModelError("the model has electrostatics, which this pair style does not compute; write "
                           "`superion local` and add a Coulomb style (`superion lammps-plugin MODEL`)");
      } else if (kind == "gp") {
        only(settings, {"blocks", "baseline"}, "the Gaussian process");
        for (const auto &[symbol, energy] : settings.at("baseline").items())
          baseline[atomic_number(symbol)] += energy.get<double>();
        const Array weights = arrays.get("weights", 1);
        std::size_t used = 0;
        int number = 0;
        for (const json &entry : settings.at("blocks")) {
          const std::string name = entry.at("kind");
          const Arrays own = arrays.below("block_" + std::to_string(number++) + ".");
          const double *from = weights.values.data() + used;
          const auto add = [&](auto block) {
            used += block->size();
            blocks.push_back(std::move(block));
          };
          std::size_t points = 0;
          for (const std::string &array : own.names())
            if (array.compare(0, 7, "points_") == 0) points += own.rows(array);
          if (used + points > weights.values.size())
            throw ModelError("the model has fewer weights than sparse points");
          if (name == "pair") add(std::make_unique<PairBlock>(entry.at("settings"), own, from));
          else if (name == "angle") add(std::make_unique<AngleBlock>(entry.at("settings"), own, from));
          else if (name == "soap") add(std::make_unique<SoapBlock>(entry.at("settings"), own, from));
          else throw ModelError("unknown block '" + name + "'; known: pair, angle, soap");
        }
        if (used != weights.values.size())
          throw ModelError("the model has " + std::to_string(weights.values.size()) + " weights for " +
                           std::to_string(used) + " sparse points");
      } else {
        throw ModelError("unknown term '" + kind + "'; known: gp, repulsion, coulomb");
      }
    }
  } catch (const json::exception &error) {
    throw ModelError(std::string("the settings cannot be understood: ") + error.what());
  }
  if (blocks.empty()) throw ModelError("the model has no local terms");
}

double LocalEnergy::cutoff() const
{
  double longest = 0.0;
  for (const auto &block : blocks) longest = std::max(longest, block->cutoff());
  return longest;
}

void LocalEnergy::check(const std::string &element) const
{
  const int z = atomic_number(element);
  if (z == 0) throw ModelError("unknown element '" + element + "'");
  if (!baseline.empty() && !baseline.count(z)) throw ModelError("the model does not know the element " + element);
  for (const auto &block : blocks)
    if (!block->knows(z)) throw ModelError(std::string(block->name()) + " does not know the element " + element);
}

void LocalEnergy::evaluate(const Environments &around, Derivatives &out)
{
  const auto constant = baseline.find(around.z);
  out.energy.assign(around.count, constant == baseline.end() ? 0.0 : constant->second);
  for (auto *gradient : {&out.gx, &out.gy, &out.gz}) gradient->assign(around.r.size(), 0.0);
  for (const auto &block : blocks) block->add(around, out);
}

}  // namespace superion

#include "repulsion.h"

#include <algorithm>

namespace superion {

namespace {

constexpr double INNER = 0.7;                     // ZBL is complete below this fraction of the outer radius
constexpr double COULOMB = SUPERION_COULOMB;      // eV·Å, given by the package so that it is the same

// Ziegler, Biersack, Littmark, "The Stopping and Range of Ions in Solids" (Pergamon, 1985)
void zbl(double r, int z1, int z2, double &energy, double &slope)
{
  static const double amplitude[] = {0.18175, 0.50986, 0.28022, 0.02817};
  static const double rate[] = {3.19980, 0.94229, 0.40290, 0.20162};
  const double length = 0.46850 / (std::pow(z1, 0.23) + std::pow(z2, 0.23));
  double screening = 0.0, change = 0.0;
  for (int k = 0; k < 4; ++k) {
    const double part = amplitude[k] * std::exp(-rate[k] * r / length);
    screening += part;
    change -= rate[k] / length * part;
  }
  const double charge = COULOMB * z1 * z2 / r;
  energy = charge * screening;
  slope = charge * (change - screening / r);
}

}  // namespace

Repulsion::Repulsion(const json &settings) : index(ELEMENTS, -1)
{
  only(settings, {"outer", "wall"}, name());
  height = settings.at("wall");
  struct Entry {
    int a, b;
    double radius;
  };
  std::vector<Entry> entries;
  for (const auto &[pair, radius] : settings.at("outer").items()) {
    const std::size_t dash = pair.find('-');
    const int a = atomic_number(pair.substr(0, dash));
    const int b = dash == std::string::npos ? 0 : atomic_number(pair.substr(dash + 1));
    if (a == 0 || b == 0) throw ModelError("the repulsion names the unknown pair of elements '" + pair + "'");
    entries.push_back({a, b, radius});
    for (int z : {a, b})
      if (index[z] < 0) index[z] = count++;
  }
  outer.assign(count * count, 0.0);
  for (const Entry &entry : entries) {
    outer[index[entry.a] * count + index[entry.b]] = entry.radius;
    outer[index[entry.b] * count + index[entry.a]] = entry.radius;
    reach = std::max(reach, entry.radius);
  }
}

void Repulsion::add(const Environments &around, Derivatives &out)
{
  for (int a = 0; a < around.count; ++a)
    for (int p = around.start[a]; p < around.start[a + 1]; ++p) {
      const double r = around.r[p];
      const double radius = outer[index[around.z] * count + index[around.species[p]]];
      if (r >= radius) continue;
      double energy, slope;
      zbl(r, around.z, around.species[p], energy, slope);
      const double x = (r / radius - INNER) / (1.0 - INNER);
      if (x > 0.0) {
        const double turn = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x));
        slope = turn * slope - 30.0 * x * x * (1.0 - x) * (1.0 - x) / (radius * (1.0 - INNER)) * energy;
        energy *= turn;
      }
      const double depth = 1.0 - r / radius;
      energy += height * depth * depth * depth;
      slope -= 3.0 * height * depth * depth / radius;
      out.energy[a] += 0.5 * energy;  // either atom has half of it
      const double pull = 0.5 * slope / r;
      out.gx[p] += pull * around.x[p];
      out.gy[p] += pull * around.y[p];
      out.gz[p] += pull * around.z_[p];
    }
}

}  // namespace superion

#include "pair_block.h"

#include <algorithm>

#include "exponential.h"
#include "lanes.h"

namespace superion {

std::vector<int> species_index(const json &settings, std::vector<int> &sorted)
{
  sorted = settings.at("species").get<std::vector<int>>();
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> index(ELEMENTS, -1);
  for (std::size_t k = 0; k < sorted.size(); ++k) index.at(sorted[k]) = static_cast<int>(k);
  return index;
}

int PairBlock::kind(int a, int b) const
{
  return a <= b ? a * count - a * (a - 1) / 2 + b - a : kind(b, a);
}

PairBlock::PairBlock(const json &settings, const Arrays &arrays, const double *weights)
{
  only(settings, {"hyper", "species"}, name());
  const json &hyper = settings.at("hyper");
  only(hyper, {"cutoff", "cutoff_width", "delta", "lengthscale", "sparse_points"}, name());
  reach = hyper.at("cutoff");
  width = hyper.at("cutoff_width");
  const double delta = hyper.at("delta"), theta = hyper.at("lengthscale");
  inverse = 0.5 / (theta * theta);
  std::vector<int> species;
  index = species_index(settings, species);
  count = static_cast<int>(species.size());
  for (const std::string &array : arrays.names()) atomic_numbers(array, "points_", 2);
  for (int a = 0; a < count; ++a)
    for (int b = a; b < count; ++b) {
      first.push_back(static_cast<int>(points.size()));
      const std::string key = "points_" + std::to_string(species[a]) + "_" + std::to_string(species[b]);
      if (!arrays.has(key)) continue;
      const Array distances = arrays.get(key, 1);
      for (double r : distances.values) {
        double f, slope;
        cosine_cutoff(r, reach, width, f, slope);
        points.push_back(r);
        coefficients.push_back(delta * delta * f * weights[used++]);
      }
      while (points.size() % LANES) {  // points without weight, so that loops have no remainder
        points.push_back(0.0);
        coefficients.push_back(0.0);
      }
    }
  first.push_back(static_cast<int>(points.size()));
}

void PairBlock::add(const Environments &around, Derivatives &out)
{
  const int own = index[around.z];
  for (int a = 0; a < around.count; ++a)
    for (int p = around.start[a]; p < around.start[a + 1]; ++p) {
      const double r = around.r[p];
      if (r >= reach) continue;
      const int pair = kind(own, index[around.species[p]]);
      Lanes values = {}, slopes = {};
      for (int s = first[pair]; s < first[pair + 1]; s += LANES) {
        const Lanes d = r - load(&points[s]);
        const Lanes k = load(&coefficients[s]) * exp_minus(inverse * d * d);
        values += k;
        slopes -= d * k;
      }
      const double value = sum(values), slope = sum(slopes);
      double f, df;
      cosine_cutoff(r, reach, width, f, df);
      out.energy[a] += 0.5 * f * value;  // either atom has half of it
      const double pull = 0.5 * (2.0 * inverse * slope * f + value * df) / r;
      out.gx[p] += pull * around.x[p];
      out.gy[p] += pull * around.y[p];
      out.gz[p] += pull * around.z_[p];
    }
}

}  // namespace superion

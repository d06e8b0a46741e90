#include "angle_block.h"

#include "exponential.h"
#include "lanes.h"
#include "pair_block.h"

namespace superion {

int AngleBlock::kind(int centre, int a, int b) const
{
  if (a > b) return kind(centre, b, a);
  return centre * count * (count + 1) / 2 + a * count - a * (a - 1) / 2 + b - a;
}

AngleBlock::AngleBlock(const json &settings, const Arrays &arrays, const double *weights)
{
  only(settings, {"hyper", "species"}, name());
  const json &hyper = settings.at("hyper");
  only(hyper, {"cutoff", "cutoff_width", "delta", "lengthscale", "sparse_points"}, name());
  reach = hyper.at("cutoff");
  width = hyper.at("cutoff_width");
  const double delta = hyper.at("delta");
  for (int c = 0; c < 3; ++c) inverse[c] = 1.0 / (std::sqrt(2.0) * hyper.at("lengthscale").at(c).get<double>());
  std::vector<int> species;
  index = species_index(settings, species);
  count = static_cast<int>(species.size());
  for (const std::string &array : arrays.names()) atomic_numbers(array, "points_", 3);
  for (int centre : species)
    for (int a = 0; a < count; ++a)
      for (int b = a; b < count; ++b) {
        first.push_back(static_cast<int>(coefficients.size()));
        const std::string key = "points_" + std::to_string(centre) + "_" + std::to_string(species[a]) + "_" +
            std::to_string(species[b]);
        if (!arrays.has(key)) continue;
        const Array triangles = arrays.get(key, 2);
        for (std::size_t s = 0; s < triangles.shape[0]; ++s) {
          const double *r = &triangles.values[3 * s];
          double f1, f2, df;
          cosine_cutoff(r[0], reach, width, f1, df);
          cosine_cutoff(r[1], reach, width, f2, df);
          point[0].push_back((r[0] + r[1]) * inverse[0]);
          point[1].push_back((r[0] - r[1]) * (r[0] - r[1]) * inverse[1]);
          point[2].push_back(r[2] * inverse[2]);
          coefficients.push_back(delta * delta * f1 * f2 * weights[used++]);
        }
        while (coefficients.size() % LANES) {  // points without weight, so that loops have no remainder
          for (auto &scaled : point) scaled.push_back(0.0);
          coefficients.push_back(0.0);
        }
      }
  first.push_back(static_cast<int>(coefficients.size()));
}

void AngleBlock::add(const Environments &around, Derivatives &out)
{
  for (int a = 0; a < around.count; ++a) {
    near.clear();
    value.clear();
    slope.clear();
    for (int p = around.start[a]; p < around.start[a + 1]; ++p) {
      if (around.r[p] >= reach) continue;
      double f, df;
      cosine_cutoff(around.r[p], reach, width, f, df);
      near.push_back(p);
      value.push_back(f);
      slope.push_back(df);
    }
    for (std::size_t p = 0; p < near.size(); ++p)
      for (std::size_t q = p + 1; q < near.size(); ++q)
        triangle(around, a, static_cast<int>(p), static_cast<int>(q), out);
  }
}

void AngleBlock::triangle(const Environments &around, int a, int m, int n, Derivatives &out) const
{
  const int p = near[m], q = near[n];
  const int triangles = kind(index[around.z], index[around.species[p]], index[around.species[q]]);
  const int begin = first[triangles], end = first[triangles + 1];
  if (begin == end) return;
  const double r1 = around.r[p], r2 = around.r[q], f1 = value[m], f2 = value[n];
  const double x = around.x[q] - around.x[p], y = around.y[q] - around.y[p], z = around.z_[q] - around.z_[p];
  const double r3 = std::sqrt(x * x + y * y + z * z);
  const double d0 = (r1 + r2) * inverse[0], d1 = (r1 - r2) * (r1 - r2) * inverse[1], d2 = r3 * inverse[2];
  const double *s0 = point[0].data(), *s1 = point[1].data(), *s2 = point[2].data();
  Lanes all = {}, along0 = {}, along1 = {}, along2 = {};
  for (int s = begin; s < end; s += LANES) {
    const Lanes u0 = d0 - load(s0 + s), u1 = d1 - load(s1 + s), u2 = d2 - load(s2 + s);
    const Lanes k = load(&coefficients[s]) * exp_minus(u0 * u0 + u1 * u1 + u2 * u2);
    all += k;
    along0 -= u0 * k;
    along1 -= u1 * k;
    along2 -= u2 * k;
  }
  const double e = sum(all), g0 = 2.0 * inverse[0] * sum(along0);
  const double g1 = 4.0 * inverse[1] * (r1 - r2) * sum(along1), g2 = 2.0 * inverse[2] * sum(along2);
  const double slope1 = (slope[m] * f2 * e + f1 * f2 * (g0 + g1)) / r1;
  const double slope2 = (f1 * slope[n] * e + f1 * f2 * (g0 - g1)) / r2;
  const double slope3 = f1 * f2 * g2 / r3;
  out.energy[a] += f1 * f2 * e;
  out.gx[p] += slope1 * around.x[p] - slope3 * x;
  out.gy[p] += slope1 * around.y[p] - slope3 * y;
  out.gz[p] += slope1 * around.z_[p] - slope3 * z;
  out.gx[q] += slope2 * around.x[q] + slope3 * x;
  out.gy[q] += slope2 * around.y[q] + slope3 * y;
  out.gz[q] += slope2 * around.z_[q] + slope3 * z;
}

}  // namespace superion

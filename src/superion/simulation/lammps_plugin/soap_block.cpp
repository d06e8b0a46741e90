// Layouts, with C channels (species · n_max unless contracted) and L = (l_max + 1)² harmonics: coefficients c[atom][lm][wide ≥ C],
// spectra p[atom][l · C(C + 1)/2 + pair(a ≤ b)].
#include "soap_block.h"

#include <algorithm>

#include "pair_block.h"

namespace superion {

namespace {

std::vector<double> transposed(const std::vector<double> &values, std::size_t rows, std::size_t columns)
{
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) out[j * rows + i] = values[i * columns + j];
  return out;
}

}  // namespace

SoapBlock::SoapBlock(const json &settings, const Arrays &arrays, const double *weights)
{
  only(settings, {"hyper", "species"}, name());
  const json &hyper = settings.at("hyper");
  only(hyper, {"cutoff", "cutoff_width", "n_max", "l_max", "atom_sigma", "zeta", "delta", "sparse_points",
               "components", "channels", "sparse_method"}, name());
  reach = hyper.at("cutoff");
  width = hyper.at("cutoff_width");
  n_max = hyper.at("n_max");
  l_max = hyper.at("l_max");
  zeta = hyper.at("zeta");
  const double delta = hyper.at("delta");
  if (n_max < 1 || n_max > 20 || l_max < 0 || zeta < 1)
    throw ModelError("n_max " + std::to_string(n_max) + ", l_max " + std::to_string(l_max) + ", zeta " +
                     std::to_string(zeta) + " of the SOAP block are out of range");
  std::vector<int> species;
  index = species_index(settings, species);
  radials = n_max;
  channels = static_cast<int>(species.size()) * n_max;
  const Arrays contractions = arrays.below("contraction_");
  for (const std::string &z : contractions.names()) radials = channels = contractions.columns(z);
  harmonic_count = (l_max + 1) * (l_max + 1);
  spectrum = std::make_unique<Spectrum>(l_max, channels);
  length = spectrum->length();
  stride = static_cast<std::size_t>(harmonic_count) * spectrum->wide();
  table = std::make_unique<RadialTable>(reach, n_max, l_max, hyper.at("atom_sigma").get<double>());
  y = std::make_unique<Harmonics>(l_max);
  value.resize((l_max + 1) * radials);
  slope.resize(value.size());
  work.resize(8 * radials);

  for (const std::string &array : arrays.names()) {
    const std::string kind = array.substr(0, array.rfind('_') + 1);
    atomic_numbers(array, kind == "basis_" || kind == "contraction_" ? kind : "points_", 1);
  }
  for (int z : species) {
    const std::string key = std::to_string(z);
    if (!arrays.has("points_" + key)) continue;
    Kernel &kernel = kernels[z];
    for (std::size_t k = 0; k < species.size(); ++k) {
      kernel.table.push_back(table->table.data());
      kernel.channel.push_back(static_cast<int>(k) * n_max);
    }
    if (!contractions.names().empty()) contract(kernel, contractions.get(key, 3));
    const Array points = arrays.get("points_" + key, 2);
    const std::size_t count = points.shape[0];
    kernel.length = points.shape[1];
    kernel.compressed = arrays.has("basis_" + key);
    if (kernel.compressed) {
      const Array basis = arrays.get("basis_" + key, 2);
      if (basis.shape[0] != kernel.length || basis.shape[1] != length)
        throw ModelError("the array 'basis_" + key + "' does not fit n_max and l_max of the SOAP block");
      kernel.project = Matrix(basis.values.data(), length, kernel.length, true);
      kernel.back = Matrix(basis.values.data(), kernel.length, length, false);
    } else if (kernel.length != length) {
      throw ModelError("the array 'points_" + key + "' does not fit n_max and l_max of the SOAP block");
    }
    for (std::size_t s = 0; s < count; ++s) kernel.scaled.push_back(delta * delta * weights[total + s]);
    total += count;
    kernel.summed = zeta == 2 && kernel.length < count;
    if (kernel.summed) {
      std::vector<double> left = transposed(points.values, count, kernel.length);
      for (std::size_t i = 0; i < kernel.length; ++i)
        for (std::size_t s = 0; s < count; ++s) left[i * count + s] *= kernel.scaled[s];
      std::vector<double> sum(kernel.length * kernel.length);
      Matrix(points.values.data(), count, kernel.length, false).multiply(left.data(), kernel.length, sum.data());
      kernel.quadratic = Matrix(sum.data(), kernel.length, kernel.length, false);
    } else {
      kernel.dot = Matrix(points.values.data(), kernel.length, count, true);
      kernel.slope = Matrix(points.values.data(), count, kernel.length, false);
    }
  }
}

// Splines of each neighbour species' share in the contracted channels
void SoapBlock::contract(Kernel &kernel, const Array &coefficients)
{
  const std::size_t count = kernel.table.size(), size = value.size();
  if (coefficients.shape != std::vector<std::size_t>{l_max + 1u, count * n_max, static_cast<std::size_t>(radials)})
    throw ModelError("the contractions do not fit n_max and l_max of the SOAP block");
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<double> splines(table->intervals * 6 * size, 0.0);
    for (int row = 0; row < table->intervals * 6; ++row)
      for (int l = 0; l <= l_max; ++l)
        for (int n = 0; n < n_max; ++n) {
          const double f = table->table[row * table->size + l * n_max + n];
          const double *from = &coefficients.values[((l * count + k) * n_max + n) * radials];
          for (int q = 0; q < radials; ++q) splines[row * size + l * radials + q] += f * from[q];
        }
    kernel.contracted.push_back(std::move(splines));
  }
  for (std::size_t k = 0; k < count; ++k) {
    kernel.table[k] = kernel.contracted[k].data();
    kernel.channel[k] = 0;
  }
}

void SoapBlock::add(const Environments &around, Derivatives &out)
{
  c.resize(around.count * stride);
  gc.resize(c.size());
  p.resize(around.count * length);
  gp.resize(p.size());
  norm.resize(around.count);
  Kernel &kernel = kernels.at(around.z);
  find_neighbours(around);
  expand(around, kernel);
  for (int a = 0; a < around.count; ++a) norm[a] = spectrum->normalised(&c[a * stride], &p[a * length]);
  evaluate(kernel, around.count, out.energy);
  for (int a = 0; a < around.count; ++a)
    spectrum->vjp(&c[a * stride], &p[a * length], norm[a], &gp[a * length], &gc[a * stride]);
  expand_vjp(around, kernel, out);
}

void SoapBlock::find_neighbours(const Environments &around)
{
  near.clear();
  begin.assign(1, 0);
  for (int a = 0; a < around.count; ++a) {
    for (int q = around.start[a]; q < around.start[a + 1]; ++q) {
      const double r = around.r[q], inverse = 1.0 / r;
      if (r >= reach) continue;
      Neighbour found{q, index[around.species[q]], r, around.x[q] * inverse, around.y[q] * inverse,
                      around.z_[q] * inverse, 0.0, 0.0};
      cosine_cutoff(r, reach, width, found.cut, found.slope);
      near.push_back(found);
    }
    begin.push_back(static_cast<int>(near.size()));
  }
}

// Radial functions times the cutoff function, and their slopes
void SoapBlock::radial(int neighbour, const double *splines)
{
  const Neighbour &at = near[neighbour];
  const int size = static_cast<int>(value.size());
  const double scaled = at.r / table->spacing, inverse = 1.0 / table->spacing;
  const int k = std::min(static_cast<int>(scaled), table->intervals - 1);
  const double t = scaled - k, f = at.cut, df = at.slope;
  const double *a = splines + static_cast<std::size_t>(k) * 6 * size;
  double *to = value.data(), *change = slope.data();
#pragma omp simd
  for (int n = 0; n < size; ++n) {
    const double a1 = a[size + n], a2 = a[2 * size + n], a3 = a[3 * size + n], a4 = a[4 * size + n],
                 a5 = a[5 * size + n];
    const double g = a[n] + t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5))));
    const double dg = (a1 + t * (2 * a2 + t * (3 * a3 + t * (4 * a4 + t * 5 * a5)))) * inverse;
    to[n] = f * g;
    change[n] = df * g + f * dg;
  }
}

// Spherical harmonics of the neighbours first … last − 1, at most LANES of them
void SoapBlock::harmonics(int first, int last)
{
  Lanes vector[3];
  for (int lane = 0; lane < LANES; ++lane) {
    const Neighbour &at = near[std::min(first + lane, last - 1)];
    vector[0][lane] = at.x;
    vector[1][lane] = at.y;
    vector[2][lane] = at.z;
  }
  y->compute(vector[0], vector[1], vector[2]);
}

void SoapBlock::expand(const Environments &around, const Kernel &kernel)
{
  std::fill(c.begin(), c.end(), 0.0);
  const double own = std::sqrt(1.0 / (4.0 * PI));
  const int self = index[around.z], wide = spectrum->wide();
  for (int a = 0; a < around.count; ++a) {
    double *atom = &c[a * stride];
    for (int n = 0; n < radials; ++n) atom[kernel.channel[self] + n] = own * kernel.table[self][n];
    for (int first = begin[a]; first < begin[a + 1]; first += LANES) {
      const int last = std::min(first + LANES, begin[a + 1]);
      harmonics(first, last);
      for (int q = first; q < last; ++q) {
        radial(q, kernel.table[near[q].kind]);
        double *to = atom + kernel.channel[near[q].kind];
        for (int l = 0, lm = 0; l <= l_max; ++l)
          for (; lm < (l + 1) * (l + 1); ++lm) {
            const double angular = y->value[lm][q - first], *g = &value[l * radials];
            double *row = to + lm * wide;
            for (int n = 0; n < radials; ++n) row[n] += angular * g[n];
          }
      }
    }
  }
}

// Energies and their gradients with respect to the spectra
void SoapBlock::evaluate(Kernel &kernel, int count, std::vector<double> &energy)
{
  const double *spectra = p.data();
  if (kernel.compressed) {
    projected.resize(count * kernel.length);
    kernel.project.multiply(p.data(), count, projected.data());
    spectra = projected.data();
  }
  back.resize(kernel.compressed ? count * kernel.length : 0);
  double *slopes = kernel.compressed ? back.data() : gp.data();
  if (kernel.summed) {
    kernel.quadratic.multiply(spectra, count, slopes);
    for (int i = 0; i < count; ++i)
      for (std::size_t d = i * kernel.length; d < (i + 1) * kernel.length; ++d) {
        energy[i] += slopes[d] * spectra[d];
        slopes[d] *= 2.0;
      }
  } else {
    const std::size_t points = kernel.scaled.size();
    dots.resize(count * points);
    kernel.dot.multiply(spectra, count, dots.data());
    for (int i = 0; i < count; ++i)
      for (std::size_t s = 0; s < points; ++s) {
        double &dot = dots[i * points + s], power = kernel.scaled[s];
        for (int k = 1; k < zeta; ++k) power *= dot;
        energy[i] += power * dot;
        dot = zeta * power;
      }
    kernel.slope.multiply(dots.data(), count, slopes);
  }
  if (kernel.compressed) kernel.back.multiply(back.data(), count, gp.data());
}

void SoapBlock::expand_vjp(const Environments &around, const Kernel &kernel, Derivatives &out)
{
  switch (radials) {
    case 4: return vjp_of<4>(around, kernel, out);
    case 6: return vjp_of<6>(around, kernel, out);
    case 8: return vjp_of<8>(around, kernel, out);
    case 10: return vjp_of<10>(around, kernel, out);
    case 12: return vjp_of<12>(around, kernel, out);
    default: return vjp_of<0>(around, kernel, out);
  }
}

// N: radial functions known to the compiler, 0 for any number
template <int N> void SoapBlock::vjp_of(const Environments &around, const Kernel &kernel, Derivatives &out)
{
  const int count = N ? N : radials;
  double fixed[8 * (N ? N : 1)];
  double *along = N ? fixed : work.data(), *ax = along + count, *ay = ax + count, *az = ay + count;
  double *sy = az + count, *sx = sy + count, *st = sx + count, *sz = st + count;
  const int wide = spectrum->wide();
  for (int a = 0; a < around.count; ++a)
    for (int q = begin[a], first = q; q < begin[a + 1]; ++q) {
      if ((q - begin[a]) % LANES == 0) {
        first = q;
        harmonics(first, std::min(first + LANES, begin[a + 1]));
      }
      const Neighbour &at = near[q];
      const int lane = q - first;
      radial(q, kernel.table[at.kind]);
      const double *g = &gc[a * stride] + kernel.channel[at.kind];
      for (int n = 0; n < count; ++n) along[n] = ax[n] = ay[n] = az[n] = 0.0;
      for (int l = 0, lm = 0; l <= l_max; ++l) {
        for (int n = 0; n < count; ++n) sy[n] = sx[n] = st[n] = sz[n] = 0.0;
        for (; lm < (l + 1) * (l + 1); ++lm) {
          const double *from = g + lm * wide;
          const double v = y->value[lm][lane], vx = y->dx[lm][lane], vy = y->dy[lm][lane], vz = y->dz[lm][lane];
          for (int n = 0; n < count; ++n) {
            sy[n] += v * from[n];
            sx[n] += vx * from[n];
            st[n] += vy * from[n];
            sz[n] += vz * from[n];
          }
        }
        // the solid harmonic of degree l has the radial derivative l·Y at r = 1
        const double degree = l / at.r;
        for (int n = 0; n < count; ++n) {
          const double f = value[l * count + n];
          along[n] += (slope[l * count + n] - degree * f) * sy[n];
          ax[n] += f * sx[n];
          ay[n] += f * st[n];
          az[n] += f * sz[n];
        }
      }
      double stretch = 0.0, gx = 0.0, gy = 0.0, gz = 0.0;
      for (int n = 0; n < count; ++n) {
        stretch += along[n];
        gx += ax[n];
        gy += ay[n];
        gz += az[n];
      }
      out.gx[at.pair] += gx / at.r + stretch * at.x;
      out.gy[at.pair] += gy / at.r + stretch * at.y;
      out.gz[at.pair] += gz / at.r + stretch * at.z;
    }
}

}  // namespace superion

// SOAP block: kernels (p·p')^ζ of normalised power spectra.
#pragma once
#include <map>
#include <memory>

#include "environment.h"
#include "harmonics.h"
#include "matrix.h"
#include "model_file.h"
#include "radial.h"
#include "spectrum.h"

namespace superion {

class SoapBlock : public Block {
 public:
  SoapBlock(const json &settings, const Arrays &arrays, const double *weights);
  double cutoff() const override { return reach; }
  bool knows(int z) const override { return index[z] >= 0 && kernels.count(z); }
  const char *name() const override { return "the SOAP block"; }
  void add(const Environments &around, Derivatives &out) override;
  std::size_t size() const { return total; }

 private:
  // The sparse environments of one central species, and the products with them
  struct Kernel {
    std::size_t length = 0;         // of the spectra, projected if compressed
    Matrix project, back;           // onto the components, if compressed
    Matrix dot, slope;              // with sparse environments and back
    Matrix quadratic;               // for ζ = 2 the sum over sparse environments, where that is smaller
    std::vector<double> scaled;     // δ² times weights
    bool compressed = false, summed = false;
    // by neighbour species: the radial splines around this species, and the first channel they go to
    std::vector<const double *> table;
    std::vector<int> channel;
    std::vector<std::vector<double>> contracted;  // the splines, if channels are contracted
  };

  void contract(Kernel &kernel, const Array &coefficients);
  void expand(const Environments &around, const Kernel &kernel);
  void evaluate(Kernel &kernel, int count, std::vector<double> &energy);
  void expand_vjp(const Environments &around, const Kernel &kernel, Derivatives &out);
  template <int N> void vjp_of(const Environments &around, const Kernel &kernel, Derivatives &out);
  void find_neighbours(const Environments &around);
  void radial(int neighbour, const double *splines);
  void harmonics(int first, int last);

  double reach, width;
  int n_max, l_max, zeta, harmonic_count;
  int radials, channels;  // radial functions per neighbour, and in all
  std::size_t length, stride, total = 0;  // of a spectrum, of the coefficients of an atom; sparse points
  std::vector<int> index;  // by atomic number
  std::map<int, Kernel> kernels;
  std::unique_ptr<RadialTable> table;
  std::unique_ptr<Harmonics> y;
  std::unique_ptr<Spectrum> spectrum;
  // neighbours within the cutoff, those of one centre after the other
  struct Neighbour {
    int pair, kind;                 // place in the environments, species
    double r, x, y, z, cut, slope;  // Å, unit vector, cutoff function
  };
  std::vector<Neighbour> near;
  std::vector<int> begin;  // by centre
  std::vector<double> value, slope;                     // of the radial functions
  std::vector<double> c, gc, p, gp, norm;               // coefficients, spectra, and gradients with respect to them
  std::vector<double> projected, dots, back, work;
};

}  // namespace superion

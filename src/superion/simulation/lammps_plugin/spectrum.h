// Normalised power spectrum of one atom's expansion coefficients, and its vjp (vector–Jacobian product).
#pragma once
#include <cstddef>
#include <vector>

namespace superion {

// Coefficients c[lm][wide], those from `channels` on being zero; spectra p[l · C(C + 1)/2 + pair(a ≤ b)].
class Spectrum {
 public:
  Spectrum(int l_max, int channels);
  double normalised(const double *c, double *p);  // the norm that p was divided by
  // From the gradient gp with respect to p to that with respect to c
  void vjp(const double *c, const double *p, double norm, const double *gp, double *gc);
  int wide() const { return stride; }
  std::size_t length() const { return size; }

 private:
  int l_max, channels, stride;
  std::size_t size;
  std::vector<double> matrix;
};

}  // namespace superion

// What the parts of a model read and write: the neighbours of some atoms, and the derivatives of their energies.
#pragma once
#include <cmath>
#include <vector>

namespace superion {

constexpr int ELEMENTS = 119;  // atomic numbers are below
constexpr double PI = 3.14159265358979323846;

// Centres of one species z, with the neighbours start[a] … start[a + 1] − 1 of centre a.
struct Environments {
  int z = 0;
  int count = 0;
  std::vector<int> start, atom, species;  // species: atomic numbers of the neighbours
  std::vector<double> x, y, z_, r;        // Å, from the centre to the neighbour
};

// Atomic energies (eV) and their derivatives with respect to each neighbour's vector (eV/Å), added up.
struct Derivatives {
  std::vector<double> energy;      // by centre
  std::vector<double> gx, gy, gz;  // by neighbour
};

// A part of the local energy that is a sum over atoms.
class Block {
 public:
  virtual ~Block() = default;
  virtual double cutoff() const = 0;
  virtual bool knows(int z) const = 0;           // as an atom with an energy, and as a neighbour
  virtual const char *name() const = 0;
  virtual void add(const Environments &around, Derivatives &out) = 0;
};

// Value and slope of the cosine cutoff, Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015).
inline void cosine_cutoff(double r, double cutoff, double width, double &value, double &slope)
{
  value = 1.0;
  slope = 0.0;
  if (r <= cutoff - width) return;
  if (r >= cutoff) {
    value = 0.0;
    return;
  }
  const double phase = PI * (r - cutoff + width) / width;
  value = 0.5 * (1.0 + std::cos(phase));
  slope = -0.5 * PI / width * std::sin(phase);
}

}  // namespace superion

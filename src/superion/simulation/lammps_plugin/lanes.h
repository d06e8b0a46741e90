// A register full of numbers of the processor that this is compiled for.
#pragma once

namespace superion {

#if defined(__AVX512F__)
constexpr int LANES = 8;
#elif defined(__AVX2__)
constexpr int LANES = 4;
#else
constexpr int LANES = 2;
#endif

typedef double Lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

inline const Lanes &load(const double *from) { return *reinterpret_cast<const Lanes *>(from); }
inline Lanes &store(double *to) { return *reinterpret_cast<Lanes *>(to); }

inline double sum(Lanes values)
{
  double total = 0.0;
  for (int lane = 0; lane < LANES; ++lane) total += values[lane];
  return total;
}

}  // namespace superion

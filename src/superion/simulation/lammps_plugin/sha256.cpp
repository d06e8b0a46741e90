#include "sha256.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace superion {

namespace {

// fractional parts of the cube roots of the first 64 primes
std::vector<std::uint32_t> round_constants()
{
  std::vector<std::uint32_t> constants;
  for (int n = 2; constants.size() < 64; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
    if (!prime) continue;
    const long double root = std::cbrt(static_cast<long double>(n));
    constants.push_back(static_cast<std::uint32_t>((root - std::floor(root)) * 4294967296.0L));
  }
  return constants;
}

std::uint32_t turn(std::uint32_t x, int n) { return x >> n | x << (32 - n); }

}  // namespace

void Sha256::block(const unsigned char *bytes)
{
  static const std::vector<std::uint32_t> k = round_constants();
  std::uint32_t w[64], v[8];
  for (int t = 0; t < 16; ++t)
    w[t] = std::uint32_t(bytes[4 * t]) << 24 | std::uint32_t(bytes[4 * t + 1]) << 16 |
        std::uint32_t(bytes[4 * t + 2]) << 8 | bytes[4 * t + 3];
  for (int t = 16; t < 64; ++t) {
    const std::uint32_t a = w[t - 15], b = w[t - 2];
    w[t] = w[t - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[t - 7] +
        (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
  }
  std::copy(state, state + 8, v);
  for (int t = 0; t < 64; ++t) {
    const std::uint32_t first = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
        ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[t] + w[t];
    const std::uint32_t second = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
        ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    std::copy_backward(v, v + 7, v + 8);
    v[4] += first;
    v[0] = first + second;
  }
  for (int t = 0; t < 8; ++t) state[t] += v[t];
}

void Sha256::update(const void *data, std::size_t length)
{
  auto bytes = static_cast<const unsigned char *>(data);
  total += length;
  while (length > 0) {
    if (filled == 0 && length >= 64) {
      block(bytes);
      bytes += 64;
      length -= 64;
      continue;
    }
    const std::size_t part = std::min(length, 64 - filled);
    std::memcpy(rest + filled, bytes, part);
    filled += part;
    bytes += part;
    length -= part;
    if (filled == 64) {
      block(rest);
      filled = 0;
    }
  }
}

std::string Sha256::hex()
{
  const std::uint64_t bits = total * 8;
  const unsigned char one = 0x80, zero = 0;
  update(&one, 1);
  while (filled != 56) update(&zero, 1);
  unsigned char size[8];
  for (int b = 0; b < 8; ++b) size[b] = static_cast<unsigned char>(bits >> (56 - 8 * b));
  update(size, 8);
  std::string text;
  for (std::uint32_t word : state)
    for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
  return text;
}

}  // namespace superion

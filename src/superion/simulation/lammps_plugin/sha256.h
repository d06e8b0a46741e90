// SHA-256 (FIPS 180-4, 2015), to find out that a model file was damaged.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace superion {

class Sha256 {
 public:
  void update(const void *data, std::size_t length);
  std::string hex();  // ends the message

 private:
  void block(const unsigned char *bytes);
  std::uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  unsigned char rest[64];
  std::size_t filled = 0;
  std::uint64_t total = 0;
};

}  // namespace superion

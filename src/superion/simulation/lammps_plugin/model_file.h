// Reads superion's model files: safetensors, with the terms as JSON in the header.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.h"

namespace superion {

using LAMMPS_NS::json;

// What a user is told: a model that cannot be read, or does more than this pair style.
struct ModelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Array {
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

// The arrays of one part of a model, by name; every one of them has to be taken.
class Arrays {
 public:
  void add(const std::string &name, std::vector<std::size_t> shape, std::string type, const char *data);
  std::vector<std::string> names() const;
  Arrays below(const std::string &prefix) const;  // those whose names begin so, without the prefix
  Array get(const std::string &name, std::size_t dimensions) const;
  std::size_t rows(const std::string &name) const { return views.at(name).shape.at(0); }
  int columns(const std::string &name) const
  {
    const auto &shape = views.at(name).shape;
    return static_cast<int>(shape.at(shape.size() - 1));
  }
  bool has(const std::string &name) const { return views.count(name) > 0; }
  std::string digest(const std::string &header) const;

 private:
  struct View {
    std::vector<std::size_t> shape;
    std::string type;
    const char *data;
  };
  std::map<std::string, View> views;
};

struct ModelFile {
  explicit ModelFile(const std::string &bytes);  // the arrays point into the bytes
  json terms;
  Arrays arrays;
};

// ModelError if an object has entries besides those named
void only(const json &object, std::initializer_list<const char *> known, const std::string &where);

// Keys such as `points_3_16`: the prefix and `count` atomic numbers
std::vector<int> atomic_numbers(const std::string &name, const std::string &prefix, std::size_t count);

int atomic_number(const std::string &symbol);  // 0 for an unknown element

}  // namespace superion

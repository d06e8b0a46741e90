#include "model_file.h"

#include <cstdint>
#include <cstring>
#include <sstream>

#include "sha256.h"

namespace superion {

namespace {

const char *SYMBOLS =
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db "
    "Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";

std::size_t product(const std::vector<std::size_t> &shape)
{
  std::size_t size = 1;
  for (std::size_t length : shape) size *= length;
  return size;
}

std::size_t bytes_of(const std::string &type)
{
  return type == "F64" || type == "I64" ? 8 : type == "F32" || type == "I32" ? 4 : 0;
}

}  // namespace

void Arrays::add(const std::string &name, std::vector<std::size_t> shape, std::string type, const char *data)
{
  views[name] = View{std::move(shape), std::move(type), data};
}

std::vector<std::string> Arrays::names() const
{
  std::vector<std::string> found;
  for (const auto &[name, view] : views) found.push_back(name);
  return found;
}

Arrays Arrays::below(const std::string &prefix) const
{
  Arrays part;
  for (const auto &[name, view] : views)
    if (name.compare(0, prefix.size(), prefix) == 0) part.views[name.substr(prefix.size())] = view;
  return part;
}

Array Arrays::get(const std::string &name, std::size_t dimensions) const
{
  const auto found = views.find(name);
  if (found == views.end()) throw ModelError("the model file has no array '" + name + "'");
  const View &view = found->second;
  if (view.type != "F64" || view.shape.size() != dimensions)
    throw ModelError("the array '" + name + "' should have " + std::to_string(dimensions) +
                     " axes of type F64, found " + std::to_string(view.shape.size()) + " of type " + view.type);
  Array array{view.shape, std::vector<double>(product(view.shape))};
  std::memcpy(array.values.data(), view.data, array.values.size() * sizeof(double));
  return array;
}

std::string Arrays::digest(const std::string &header) const
{
  static const std::map<std::string, std::string> numpy = {
      {"F64", "float64"}, {"F32", "float32"}, {"I64", "int64"}, {"I32", "int32"}};
  Sha256 sum;
  sum.update(header.data(), header.size());
  for (const auto &[name, view] : views) {
    std::string text = name + ":" + numpy.at(view.type) + ":(";
    for (std::size_t k = 0; k < view.shape.size(); ++k)
      text += (k ? ", " : "") + std::to_string(view.shape[k]);
    text += view.shape.size() == 1 ? ",)" : ")";
    sum.update(text.data(), text.size());
    sum.update(view.data, product(view.shape) * bytes_of(view.type));
  }
  return sum.hex();
}

ModelFile::ModelFile(const std::string &bytes)
{
  try {
    std::uint64_t length = 0;
    if (bytes.size() >= 8) std::memcpy(&length, bytes.data(), 8);
    if (bytes.size() < 8 || length > bytes.size() - 8) throw ModelError("not a complete safetensors file");
    const json header = json::parse(bytes.begin() + 8, bytes.begin() + 8 + length);
    if (!header.contains("__metadata__") || !header["__metadata__"].contains("superion"))
      throw ModelError("not a superion model; give a file made by `superion fit`");
    const std::size_t begin = 8 + length, size = bytes.size() - begin;
    for (const auto &[name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      const auto shape = entry.at("shape").get<std::vector<std::size_t>>();
      const auto type = entry.at("dtype").get<std::string>();
      const auto place = entry.at("data_offsets").get<std::vector<std::size_t>>();
      if (bytes_of(type) == 0) throw ModelError("the array '" + name + "' has the unknown type " + type);
      if (place.size() != 2 || place[0] > place[1] || place[1] > size ||
          place[1] - place[0] != product(shape) * bytes_of(type))
        throw ModelError("not a complete safetensors file: '" + name + "' is cut off");
      arrays.add(name, shape, type, bytes.data() + begin + place[0]);
    }
    const json envelope = json::parse(header["__metadata__"]["superion"].get<std::string>());
    const std::string text = envelope.at("content").get<std::string>();
    if (envelope.at("sha256").get<std::string>() != arrays.digest(text))
      throw ModelError("the checksum does not match the content: the file was damaged");
    const json content = json::parse(text);
    if (content.at("format").get<int>() != 1)
      throw ModelError("model format " + content["format"].dump() + "; this pair style reads format 1");
    terms = content.at("terms");
  } catch (const json::exception &error) {
    throw ModelError(std::string("the header cannot be understood: ") + error.what());
  }
}

void only(const json &object, std::initializer_list<const char *> known, const std::string &where)
{
  for (const auto &[name, value] : object.items()) {
    bool found = false;
    for (const char *key : known) found = found || name == key;
    if (!found) throw ModelError("unknown setting '" + name + "' of " + where + " (value " + value.dump() + ")");
  }
}

std::vector<int> atomic_numbers(const std::string &name, const std::string &prefix, std::size_t count)
{
  std::vector<int> numbers;
  if (name.compare(0, prefix.size(), prefix) == 0) {
    std::istringstream stream(name.substr(prefix.size()));
    for (std::string word; std::getline(stream, word, '_');)
      if (!word.empty() && word.find_first_not_of("0123456789") == std::string::npos)
        numbers.push_back(std::stoi(word));
  }
  if (numbers.size() != count) throw ModelError("unknown array '" + name + "'");
  return numbers;
}

int atomic_number(const std::string &symbol)
{
  std::istringstream stream(SYMBOLS);
  int number = 1;
  for (std::string word; stream >> word; ++number)
    if (word == symbol) return number;
  return 0;
}

}  // namespace superion

// What `plugin load` looks for. The struct is that of LAMMPS' documented plugin interface, version of 2022 on.
#include <string>

#include "lammps.h"
#include "pair_superion.h"

#if !defined(__GLIBCXX__) || !_GLIBCXX_USE_CXX11_ABI
#error "LAMMPS is built with GNU's C++ library, so this has to be too: use g++, or clang++ with -stdlib=libstdc++"
#endif

namespace {

struct Plugin {
  const char *version, *style, *name, *info, *author;
  union {
    LAMMPS_NS::Pair *(*create)(LAMMPS_NS::LAMMPS *);
    void *(*other)(LAMMPS_NS::LAMMPS *, int, char **);
  };
  void *handle;
};

LAMMPS_NS::Pair *create(LAMMPS_NS::LAMMPS *lmp)
{
  return new superion::PairSuperion(lmp);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *add)
{
  Plugin plugin{};
  plugin.version = SUPERION_LAMMPS_VERSION;
  plugin.style = "pair";
  plugin.name = "superion";
  plugin.info = "local terms of superion models";
  plugin.author = "the superion developers";
  plugin.create = create;
  plugin.handle = handle;
  reinterpret_cast<void (*)(Plugin *, void *)>(add)(&plugin, lmp);
}

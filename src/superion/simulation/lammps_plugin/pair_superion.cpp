#include "pair_superion.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "model_file.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

namespace superion {

namespace {
constexpr int CHUNK = 128;        // atoms of one species that are evaluated together
constexpr double OVERLAP = 1e-3;  // Å
}  // namespace

PairSuperion::PairSuperion(LAMMPS_NS::LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = LAMMPS_NS::CENTROID_AVAIL;
}

PairSuperion::~PairSuperion()
{
  if (!allocated) return;
  memory->destroy(setflag);
  memory->destroy(cutsq);
}

void PairSuperion::settings(int narg, char **arg)
{
  electrostatics = narg == 1 && std::strcmp(arg[0], "local") == 0;
  if (narg > 1 || (narg == 1 && !electrostatics))
    error->all(FLERR, "pair_style superion takes no argument, or `local` for models whose electrostatics "
                      "another style computes; found '{}'", arg[0]);
}

std::string PairSuperion::read(const std::string &path)
{
  std::string bytes;
  if (comm->me == 0) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    if (stream) bytes = content.str();
  }
  LAMMPS_NS::bigint length = static_cast<LAMMPS_NS::bigint>(bytes.size());
  MPI_Bcast(&length, 1, MPI_LMP_BIGINT, 0, world);
  if (length == 0) throw ModelError("cannot be read");
  bytes.resize(length);
  constexpr LAMMPS_NS::bigint part = 1 << 30;
  for (LAMMPS_NS::bigint done = 0; done < length; done += part)
    MPI_Bcast(&bytes[done], static_cast<int>(std::min(part, length - done)), MPI_CHAR, 0, world);
  return bytes;
}

void PairSuperion::coeff(int narg, char **arg)
{
  const int types = atom->ntypes;
  if (narg != 3 + types || std::strcmp(arg[0], "*") != 0 || std::strcmp(arg[1], "*") != 0)
    error->all(FLERR, "pair_style superion needs `pair_coeff * * MODEL.safetensors` and one element for each "
                      "of the {} atom types", types);
  if (!allocated) {
    allocated = 1;
    memory->create(setflag, types + 1, types + 1, "pair:setflag");
    memory->create(cutsq, types + 1, types + 1, "pair:cutsq");
  }
  numbers.assign(types + 1, 0);
  try {
    model = std::make_unique<LocalEnergy>(read(arg[2]), electrostatics);
    for (int type = 1; type <= types; ++type) {
      model->check(arg[2 + type]);
      numbers[type] = atomic_number(arg[2 + type]);
    }
  } catch (const std::exception &problem) {
    error->all(FLERR, "superion model {}: {}", arg[2], problem.what());
  }
  for (int i = 1; i <= types; ++i)
    for (int j = i; j <= types; ++j) setflag[i][j] = 1;
}

void PairSuperion::init_style()
{
  if (std::strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "pair_style superion needs `units metal`, found '{}'", update->unit_style);
  if (!force->newton_pair) error->all(FLERR, "pair_style superion needs `newton on`");
  neighbor->add_request(this, LAMMPS_NS::NeighConst::REQ_FULL);
}

double PairSuperion::init_one(int i, int j)
{
  if (!setflag[i][j]) error->all(FLERR, "pair_style superion needs one `pair_coeff * *` command");
  return model->cutoff();
}

void PairSuperion::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  closest.distance = model->cutoff();
  std::vector<int> order(list->ilist, list->ilist + list->inum);
  const int *type = atom->type;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return type[a] < type[b]; });
  for (std::size_t begin = 0, end; begin < order.size(); begin = end) {
    end = begin;
    while (end < order.size() && end < begin + CHUNK && type[order[end]] == type[order[begin]]) ++end;
    gather(&order[begin], static_cast<int>(end - begin));
    model->evaluate(around, derivatives);
    tally(&order[begin]);
  }
  refuse_overlap();
  if (vflag_fdotr) virial_fdotr_compute();
}

// An error on all ranks, for one that stops alone leaves the others waiting
void PairSuperion::refuse_overlap()
{
  decltype(closest) found{closest.distance, comm->me}, all{};
  MPI_Allreduce(&found, &all, 1, MPI_DOUBLE_INT, MPI_MINLOC, world);
  if (all.distance >= OVERLAP) return;
  MPI_Bcast(pair, 2, MPI_LMP_TAGINT, all.rank, world);
  error->all(FLERR, "superion: atoms {} and {} are {:.2e} Angstrom apart: they overlap", pair[0], pair[1],
             all.distance);
}

// The neighbours of some atoms of one type
void PairSuperion::gather(const int *atoms, int count)
{
  double **x = atom->x;
  const double reach = model->cutoff();
  around.z = numbers[atom->type[atoms[0]]];
  around.count = count;
  for (auto *values : {&around.start, &around.atom, &around.species}) values->clear();
  for (auto *values : {&around.x, &around.y, &around.z_, &around.r}) values->clear();
  for (int a = 0; a < count; ++a) {
    around.start.push_back(static_cast<int>(around.r.size()));
    const int i = atoms[a];
    for (int k = 0; k < list->numneigh[i]; ++k) {
      const int j = list->firstneigh[i][k] & NEIGHMASK;
      const double dx = x[j][0] - x[i][0], dy = x[j][1] - x[i][1], dz = x[j][2] - x[i][2];
      const double square = dx * dx + dy * dy + dz * dz;
      if (!(square < reach * reach)) continue;  // nor where a position is not a number
      const double r = std::sqrt(square);
      if (r < closest.distance) {
        closest.distance = r;
        pair[0] = atom->tag[i];
        pair[1] = atom->tag[j];
      }
      if (r < OVERLAP) continue;
      around.atom.push_back(j);
      around.species.push_back(numbers[atom->type[j]]);
      around.x.push_back(dx);
      around.y.push_back(dy);
      around.z_.push_back(dz);
      around.r.push_back(r);
    }
  }
  around.start.push_back(static_cast<int>(around.r.size()));
}

// Hand forces, energies and virials to LAMMPS. Half of the virial of a bond is either atom's; the centroid
// form gives all to the neighbour, for the energy depends on its place relative to the centre:
// Fan et al., Phys. Rev. B 92, 094301 (2015).
void PairSuperion::tally(const int *atoms)
{
  static const int row[] = {0, 1, 2, 0, 0, 1, 1, 2, 2}, column[] = {0, 1, 2, 1, 2, 2, 0, 0, 1};
  double **f = atom->f;
  for (int a = 0; a < around.count; ++a) {
    const int i = atoms[a];
    if (eflag_global) eng_vdwl += derivatives.energy[a];
    if (eflag_atom) eatom[i] += derivatives.energy[a];
    for (int p = around.start[a]; p < around.start[a + 1]; ++p) {
      const int j = around.atom[p];
      const double pull[3] = {-derivatives.gx[p], -derivatives.gy[p], -derivatives.gz[p]};
      for (int d = 0; d < 3; ++d) {
        f[j][d] += pull[d];
        f[i][d] -= pull[d];
      }
      if (!vflag_either) continue;
      const double bond[3] = {around.x[p], around.y[p], around.z_[p]};
      for (int k = 0; k < 9; ++k) {
        const double v = bond[row[k]] * pull[column[k]];
        if (vflag_global && k < 6) virial[k] += v;
        if (vflag_atom && k < 6) {
          vatom[i][k] += 0.5 * v;
          vatom[j][k] += 0.5 * v;
        }
        if (cvflag_atom) cvatom[j][k] += v;
      }
    }
  }
}

double PairSuperion::memory_usage()
{
  return Pair::memory_usage() + static_cast<double>(around.r.capacity()) * (7 * sizeof(double) + 2 * sizeof(int));
}

}  // namespace superion
